"""Training and filtering on a cluster: real processes on this machine."""

import os
import signal
import threading
import time

import imageio.v3 as iio
import numpy as np
import pytest

import pdenet
from pdenet.commands import main as cli

from ..commands.test_main import GREY, here

distributed = pytest.importorskip("distributed")
dask_array = pytest.importorskip("dask.array")
assert here  # a fixture

pytestmark = pytest.mark.filterwarnings("ignore")  # of dask itself, on sockets and its ports


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None,
                                  processes=True) as found:
        yield found


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as found:
        yield found


def network():
    return pdenet.models.multiscale(50.0, sigmas=[0.0, 1.0], tau=0.2, steps=3)


def data(count=5, size=24):
    clean = pdenet.rectangles(count, 30)[:, :8 * size:8, :8 * size:8]
    return pdenet.add_noise(clean, 60, rng=1), clean


OPTIONS = {"epochs": 3, "batch_size": 2, "rng": 3, "optimizer": pdenet.Adam()}


def assert_same(found, expected):
    (fitted, history), (reference, entries) = found, expected
    assert history == entries
    for name, value in reference.parameters.items():
        np.testing.assert_array_equal(fitted.parameters[name], value)


def test_the_same_bits_as_on_one_machine(client, tmp_path):
    options = OPTIONS | {"validation": data(3)}
    expected = pdenet.fit(network(), *data(), **options)
    assert_same(pdenet.fit(network(), *data(), client=client, **options), expected)
    # A checkpoint of one machine goes on on many.
    path = tmp_path / "state.json"
    pdenet.fit(network(), *data(), checkpoint=path, **options | {"epochs": 1})
    assert_same(pdenet.fit(network(), *data(), client=client, checkpoint=path, **options), expected)


def test_data_is_loaded_where_it_is_used(client, monkeypatch):
    here_ = os.getpid()
    monkeypatch.setattr(dask_array.Array, "compute", None)  # which would fetch it

    def load(block):
        assert os.getpid() != here_
        return block
    noisy, clean = data()
    lazy = [dask_array.from_array(stack, chunks=(1, -1, -1)).map_blocks(
        load, dtype=stack.dtype, meta=np.empty((0, 0, 0), stack.dtype)) for stack in (noisy, clean)]
    assert_same(pdenet.fit(network(), *lazy, client=client, **OPTIONS),
                pdenet.fit(network(), noisy, clean, **OPTIONS))


def test_a_worker_that_is_killed_costs_nothing_but_time():
    noisy, clean = data(8, 32)
    options = OPTIONS | {"epochs": 12}
    expected = pdenet.fit(network(), noisy, clean, **options)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None,
                                  processes=True) as cluster, distributed.Client(cluster) as client:
        killed = []

        def kill(entry):
            if entry["epoch"] == 2:  # in the midst of the next epochs
                pid = next(iter(client.run(os.getpid).values()))
                threading.Timer(0.05, lambda: (os.kill(pid, signal.SIGKILL),
                                               killed.append(pid))).start()
                time.sleep(0.02)
        assert_same(pdenet.fit(network(), noisy, clean, client=client, callback=kill, **options),
                    expected)
        assert killed


def test_errors_come_back(client):
    noisy, clean = data()
    noisy[3, 2, 1] = np.nan
    with pytest.raises(ValueError, match="must be finite"):
        pdenet.fit(network(), noisy, clean, client=client, **OPTIONS)
    lazy = dask_array.from_array(noisy, chunks=(1, -1, -1))
    with pytest.raises(ValueError, match="must be finite"):
        pdenet.fit(network(), lazy, clean, client=client, **OPTIONS)
    with pytest.raises(TypeError, match=r"client must be a dask.distributed.Client; got 3"):
        pdenet.fit(network(), *data(), client=3)


def test_filters_on_the_cluster(client):
    u = np.random.default_rng(0).normal(100, 30, (150, 140))
    lazy = pdenet.eed(dask_array.from_array(u, chunks=40), contrast=5, time=2)
    np.testing.assert_array_equal(client.compute(lazy).result(),
                                  pdenet.eed(u, contrast=5, time=2))


def test_training_by_command(cluster, here, capsys):
    arguments = ["train", "isotropic", "--epochs", "2", "--images", "2", "--quiet"]
    assert cli.main([*arguments, "near.json"]) == 0
    assert cli.main([*arguments, "far.json", "--scheduler", cluster.scheduler_address]) == 0
    near, far = (pdenet.load(name).parameters for name in ("near.json", "far.json"))
    for name, value in near.items():
        np.testing.assert_array_equal(far[name], value)


@pytest.mark.parametrize("command, options", [
    (["denoise"], ["--sigma", "20"]), (["filter", "eed"], ["--contrast", "5", "--time", "2"])])
def test_a_folder_by_command(command, options, cluster, here, capsys):
    os.mkdir("in")
    for name in ("a.png", "b.png", "c.png"):
        iio.imwrite(f"in/{name}", GREY)
    with open("in/bad.png", "wb") as file:
        file.write(b"rubbish")
    assert cli.main([*command, "in", "far", *options, "--scheduler",
                     cluster.scheduler_address]) == 1
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert [line.split(": ")[0] for line in lines[:3]] == ["far/a.png", "far/b.png", "far/c.png"]
    assert lines[3:] == ["far: 3 written, 0 there already, 1 failed"]
    assert "in/bad.png: " in err and "Traceback" not in err
    assert cli.main([*command, "in/a.png", "a.png", *options, "--quiet"]) == 0
    np.testing.assert_array_equal(iio.imread("far/a.png"), iio.imread("a.png"))


def test_a_scheduler_that_is_not_there(here, capsys):
    assert cli.main(["train", "isotropic", "o.json", "--epochs", "1", "--images", "1",
                     "--scheduler", "tcp://127.0.0.1:1"]) == 1
    assert "no scheduler answers at tcp://127.0.0.1:1" in capsys.readouterr().err
