"""Does every promise have a test that fails when the promise is broken?

    python -m benchmarks.broken [WORD ...]    ten minutes; writes data/broken.csv
    python -m benchmarks.broken --quick       every fifth

For each promise one place of the source is changed in a copy so that it no longer holds, and the
test that watches over it is run: it has to fail there, and to pass on the unchanged copy. WORD
chooses promises by their text; then nothing is written. The derivatives have 34 more of these, see
tests/test_adjoint.py.
"""

import argparse
import concurrent.futures
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import tempfile

from . import timing

ROOT = pathlib.Path(__file__).parents[1]
TARGET = ROOT / "data" / "broken.csv"

# promise, file, what is there, what breaks it, the test
BROKEN = [
    ("K' is the transpose of K", "cells.py", "store(memory, carry, along + across)",
     "store(memory, carry, along + 1.001 * across)",
     "test_kernels.py::test_gradient_form_is_symmetric"),
    ("G is its own transpose", "stencils.py", "else 2 * size - 1 - i", "else 2 * size - 2 - i",
     "test_kernels.py::test_adjoint_of_smoothing_is_its_transpose_and_adds"),
    ("the adjoint of the network, to 0.1 %", "block.py", "float(2 * tau / self",
     "float(2.002 * tau / self", "test_adjoint.py::test_gradient_of_every_model"),
    ("sum beta d/dbeta + contrast d/dcontrast - 2 tau d/dtau = 0", "block.py",
     "name: -2 * tau * scales", "name: -2.0000000002 * tau * scales",
     "test_adjoint.py::test_gradient_of_every_model"),
    ("flow = gradient of the energy / 2", "fluxes.py", "return self.diffusivity.potential(m + d) +",
     "return 1.001 * self.diffusivity.potential(m + d) +",
     "test_properties.py::test_energy_gradient_is_the_flow"),
    ("the energy never grows", "block.py", "return 2 / (self._radius[0]",
     "return 9 / (self._radius[0]", "test_properties.py::test_energy_never_grows"),
    ("||u - mean|| never grows up to tau_max", "block.py", "return 2 / (self._radius[0]",
     "return 2.1 / (self._radius[0]", "test_properties.py::test_norm_never_grows_up_to_tau_max"),
    ("cosine modes to the rim", "rows.py", "memory[row + 1], memory[row + columns]",
     "memory[row + 2], memory[row + columns]",
     "test_properties.py::test_cosine_modes_are_eigenvectors_to_the_rim"),
    ("the mean grey value is kept", "cells.py", "along = preceding(before[0], p) - p",
     "along = preceding(before[0], p) - 1.001 * p", "test_properties.py::test_mean_is_kept"),
    ("grey levels scale and shift", "diffusivities.py", "return -1 / (2 * self.contrast**2 *",
     "return -1 / (2 * self.contrast *", "test_properties.py::test_grey_levels_scale_and_shift"),
    ("minimum and maximum are kept", "block.py", "(-self.scales.measure[0] * np.array(taus))",
     "(-1.3 * self.scales.measure[0] * np.array(taus))",
     "test_properties.py::test_isotropic_single_scale_keeps_the_range"),
    ("rotations by 90 degrees and flips", "cells.py", "return (b - a) + (d - c), d - b, c - a",
     "return (b - a) + (d - c), 1.001 * (d - b), c - a",
     "test_properties.py::test_rotations_by_90_degrees_flips_and_transposition"),
    ("workers and tiles change no bit", "tiles.py", "tile = (max(top - halo, 0)",
     "tile = (max(top - halo + 1, 0)", "test_properties.py::test_workers_and_tiles_change_no_bit"),
    ("tau above tau_max is refused", "timesteps.py", "np.multiply(tau_max, 1 + 1e-9)",
     "np.multiply(tau_max, 1.1)",
     "test_properties.py::test_slightly_more_than_tau_max_is_refused_and_grows"),
    ("no steps, no time: a copy", "sweeps.py", "return planes.copy()", "return planes",
     "test_properties.py::test_no_time_or_no_steps_give_a_copy"),
    ("sigma larger than the image", "stencils.py", "i %= 2 * size", "i %= 2 * size + 1",
     "test_properties.py::test_sigma_larger_than_the_image"),
    ("peak memory of the adjoint", "adjoint.py", 'work.part(k if keep else "step")',
     "work.part(k)",
     "test_adjoint.py::test_peak_memory_is_what_the_docstring_says"),
    ("peak memory of filters", "tiles.py", "edge = max(edge, HALOS * halo)",
     "edge = max(2 * edge, HALOS * halo)",
     "test_properties.py::test_peak_memory_of_filters_is_what_the_docstring_says"),
    # Input
    ("NaN in an image: where and how many", "checks.py", "if not np.isfinite(largest):",
     "if np.isinf(largest):", "test_filters.py::test_bad_images"),
    ("no empty image", "checks.py", "if image.size == 0:", "if image.size < 0:",
     "test_filters.py::test_bad_images"),
    ("no masked array", "checks.py", "if isinstance(image, np.ma.MaskedArray):",
     "if image is None:", "test_filters.py::test_bad_images"),
    ("no complex image, no text", "checks.py", 'image.dtype.kind not in "buif"',
     'image.dtype.kind not in "buifcU"', "test_filters.py::test_bad_images"),
    ("a forgotten channel_axis", "checks.py", "if image.shape[axis] <= 4]\n        hint",
     "if image.shape[axis] <= 2]\n        hint", "test_filters.py::test_bad_images"),
    ("AxisError for a channel_axis out of range", "checks.py",
     "if not -image.ndim <= channel_axis < image.ndim:",
     "if not -image.ndim <= channel_axis <= image.ndim:", "test_filters.py::test_bad_images"),
    ("images of one column", "stencils.py", "for j in range(0, last + 1, max(last, 1)):",
     "for j in (0, last):", "test_filters.py::test_tiny_images"),
    ("any type, converted without rescaling", "checks.py",
     "planes = np.ascontiguousarray(image, dtype=dtype)",
     "planes = np.ascontiguousarray(image, dtype=np.float64)",
     "test_filters.py::test_types_are_converted_without_rescaling"),
    ("any layout; the image is never changed", "checks.py",
     "planes = np.ascontiguousarray(image, dtype=dtype)",
     "planes = np.ascontiguousarray(np.ravel(image, 'K').reshape(image.shape), dtype=dtype)",
     "test_filters.py::test_memory_layouts_change_nothing"),
    ("numbers that are not allowed", "checks.py", "or (above is not None and not number > above)",
     "or (above is not None and not number >= above)", "test_filters.py::test_bad_parameters"),
    ("PDENET_NUM_THREADS", "checks.py", "return int(text)", "return 1",
     "test_filters.py::test_number_of_threads_from_the_environment"),
    ("threads have work arrays of their own", "tiles.py",
     "[Workspace() for _ in range(count)]", "count * [Workspace()]",
     "test_tiles.py::test_each_thread_has_its_own_workspace_and_the_caller_works_too"),
    ("work arrays end with the team", "tiles.py", "self._workspaces.clear()", "pass",
     "test_tiles.py::test_work_arrays_end_with_the_team"),
    ("a forked process has threads of its own", "tiles.py", "after_in_child=_idle.clear",
     "after_in_child=int", "test_tiles.py::test_a_forked_process_has_threads_of_its_own"),
    ("several threads may pull back", "network.py", "cotangent, Workspace())", "cotangent, work)",
     "test_adjoint.py::test_pullback_from_several_threads"),
    ("an error ends the work of all threads", "tiles.py", "waiting.clear()", "pass",
     "test_tiles.py::test_an_error_ends_the_work_and_reaches_the_caller"),
    # Files
    ("a failed save leaves the old file", "parameterfiles.py", "with atomic_file(path) as file:",
     'with open(path, "wb") as file:',
     "test_parameterfiles.py::test_a_failed_save_leaves_the_old_file"),
    ("kill -9 while saving", "parameterfiles.py", "with atomic_file(path) as file:",
     'with open(path, "wb") as file:', "test_faults.py::test_every_fault_is_survived"),
    ("duplicate keys are refused", "parameterfiles.py", "if name in found:", "if name is found:",
     "test_parameterfiles.py::test_files_that_hold_no_network"),
    ("NaN in a parameter file is refused", "parameterfiles.py", "parse_constant=refuse,", "",
     "test_parameterfiles.py::test_files_that_hold_no_network"),
    ("files nested too deeply", "parameterfiles.py", "except (ValueError, RecursionError) as error",
     "except ValueError as error", "test_parameterfiles.py::test_files_that_hold_no_network"),
    ("lists of the wrong length", "parameterfiles.py", "not 1 <= len(values) <= 100", "not values",
     "test_parameterfiles.py::test_wrong_entries"),
    ("a newer version is refused", "parameterfiles.py", 'if document["version"] != VERSION:',
     'if document["version"] < VERSION:', "test_parameterfiles.py::test_wrong_entries"),
    ("unknown keys are refused", "parameterfiles.py", "if key not in keys:", "if key in ():",
     "test_parameterfiles.py::test_wrong_entries"),
    ("an absurd size is refused before decoding", "imagefiles.py", "if pixels > max_pixels:",
     "if pixels > 2**60:", "test_cli.py::test_bad_inputs"),
    ("an existing output is refused before any work", "imagefiles.py",
     "if os.path.lexists(name) and not overwrite:", "if False:",
     "test_lazy.py::test_filter_a_zarr_array"),
    ("a file made meanwhile is not replaced", "atomic.py", "os.link(temporary, target)",
     "os.replace(temporary, target)", "test_cli.py::test_a_file_made_meanwhile_is_not_replaced"),
    ("integers never wrap", "imagefiles.py", "inside = np.clip(rounded,",
     "inside = np.where(True, rounded,", "test_formats.py::test_rounding_and_clipping_never_wrap"),
    ("integers are rounded", "imagefiles.py", "rounded = np.rint(result).astype(np.float64)",
     "rounded = np.floor(result).astype(np.float64)",
     "test_formats.py::test_rounding_and_clipping_never_wrap"),
    ("a full disk leaves the old file and nothing else", "atomic.py", "os.unlink(temporary)",
     "pass", "test_cli.py::test_disk_full_keeps_the_old_file"),
    ("Ctrl-C: one line, nothing written", "cli.py", "except KeyboardInterrupt as error:",
     "except ZeroDivisionError as error:",
     "test_cli.py::test_ctrl_c_stops_within_a_second_and_leaves_nothing"),
    ("a damaged cache costs time only", "compiling.py", "except Exception as error:  # unreadable",
     "except KeyError as error:  # unreadable", "test_cache.py"),
    ("changed sources void the cache", "compiling.py", "for source in SOURCES)",
     "for source in SOURCES[:1])", "test_cache.py::test_changed_sources_void_the_cache"),
    # Training
    ("a loss that is not finite stops", "descent.py",
     "if not (math.isfinite(loss) and np.isfinite(gradient).all()):", "if False:",
     "test_training.py::test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint"),
    ("resumed: Adam's moments", "descent.py", 'self.moments = m, v, check_count("count"',
     'self.moments = m, 1.0001 * v, check_count("count"',
     "test_checkpoints.py::test_resumed_training_has_the_bits_of_an_uninterrupted_one"),
    ("resumed: the order of the images", "descent.py",
     'self.rng.bit_generator.state = state["rng"]', 'state["rng"]',
     "test_checkpoints.py::test_resumed_training_has_the_bits_of_an_uninterrupted_one"),
    ("resumed: the history", "descent.py", 'self.history = state["history"]',
     'self.history = state["history"][::-1]',
     "test_checkpoints.py::test_resumed_training_has_the_bits_of_an_uninterrupted_one"),
    ("resumed: the best epoch", "descent.py", "self.best_loss = math.inf if best_loss is None",
     "self.best_loss = math.inf if best_loss",
     "test_checkpoints.py::test_resumed_training_knows_the_best_epoch_and_its_patience"),
    ("a checkpoint of other settings is refused", "checkpoints.py", "if different:", "if False:",
     "test_checkpoints.py::test_checkpoint_of_other_settings_is_refused"),
    ("two trainings, one checkpoint", "checkpoints.py", "fcntl.LOCK_EX | fcntl.LOCK_NB",
     "fcntl.LOCK_SH | fcntl.LOCK_NB",
     "test_checkpoints.py::test_a_second_training_on_one_checkpoint_is_refused"),
    ("a damaged checkpoint is refused", "checkpoints.py",
     'if not isinstance(document, dict) or document.get("format") != FORMAT:',
     "if not isinstance(document, dict):",
     "test_checkpoints.py::test_damaged_checkpoint_is_refused"),
    ("workers change no bit of a training", "network.py",
     "sum(gradient[name] for gradient in gradients)",
     "np.asarray(sum(g[name] for g in gradients)).astype('f8' if team.count < 3 else 'f4')",
     "test_training.py::test_fit_gives_the_same_bits_for_any_number_of_workers"),
    # Beyond memory, and beyond one machine
    ("halos of chunks", "sweeps.py", "grouped = [(halo, batch)", "grouped = [(halo - 1, batch)",
     "test_lazy.py::test_evolution_is_that_of_the_whole_image_bit_for_bit"),
    ("NaN in a chunk: where in the whole image", "lazy.py", "[low for low, _ in",
     "[high for low, high in",
     "test_lazy.py::test_values_that_are_not_finite_are_found_where_they_are"),
    ("tasks of dask are single threads", "sweeps.py", "workers=1 if workers is None else workers",
     "workers=workers", "test_lazy.py::test_tasks_are_single_threads"),
    ("an interrupted array goes on with what is missing", "big.py", "done.add(block)", "pass",
     "test_lazy.py::test_an_interrupted_run_goes_on"),
    ("an array of another command is refused", "big.py", "if different:", "if False:",
     "test_lazy.py::test_an_interrupted_run_goes_on"),
    ("a cluster has the bits of one machine", "cluster.py", "return self.client.gather(futures)",
     "return self.client.gather(futures[:1] + futures[:-1])",
     "test_cluster.py::test_the_same_bits_as_on_one_machine"),
    ("data are loaded where they are used", "cluster.py",
     "self.client.compute(planes) if is_lazy(planes) else planes for planes in pair]",
     "planes.compute() if is_lazy(planes) else planes for planes in pair]",
     "test_cluster.py::test_data_is_loaded_where_it_is_used"),
    ("a file that fails does not stop a folder", "runs.py", "except (ImageFileError, OSError,",
     "except (MemoryError,", "test_denoise_command.py::test_failures_in_a_folder"),
    ("a folder keeps what is there", "runs.py", "options.overwrite or not os.path.exists(task[1])",
     "True", "test_denoise_command.py::test_a_folder_goes_on_where_it_was"),
]


def prepare(folder):
    """A copy of the package and its tests."""
    for name in ("pdenet", "tests", "benchmarks", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "README.md"):
        shutil.copy2(ROOT / name, folder)


def passes(folder, test):
    """Whether a test passes in a copy of the package."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", f"tests/{test}"],
        cwd=folder, capture_output=True, text=True, timeout=900,
        env=os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(folder),
                          "PYTHONDONTWRITEBYTECODE": "1"})
    if done.returncode not in (0, 1):
        raise SystemExit(f"{test} was not run:\n{done.stdout}{done.stderr}")
    return done.returncode == 0


def notices(folder, file, old, new, test):
    """Whether a test fails where a place of a file is changed."""
    path = folder / "pdenet" / file
    good, stat = path.read_text(), path.stat()
    if good.count(old) != 1:
        raise SystemExit(f"{file} has {good.count(old)} times {old!r}")
    path.write_text(good.replace(old, new))
    try:
        return not passes(folder, test)
    finally:
        path.write_text(good)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # the cache is good again


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--quick", action="store_true", help="every fifth")
    options = parser.parse_args()
    chosen = [row for row in BROKEN[::5 if options.quick else 1]
              if not options.words or any(word in row[0] for word in options.words)]
    print(timing.machine())
    table, missed = [["promise", "test", "fails where it is broken"]], []
    with tempfile.TemporaryDirectory() as scratch:
        folders = queue.SimpleQueue()
        for k in range(2):
            prepare(pathlib.Path(scratch, str(k)))
            folders.put(pathlib.Path(scratch, str(k)))

        def run(function, *arguments):
            folder = folders.get()
            try:
                return function(folder, *arguments)
            finally:
                folders.put(folder)

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            tests = sorted({row[-1] for row in chosen})
            for test, passed in zip(tests, pool.map(lambda test: run(passes, test), tests),
                                    strict=True):
                if not passed:
                    raise SystemExit(f"{test} fails without any change")
            found = pool.map(lambda row: run(notices, *row[1:]), chosen)
            for (promise, *_, test), noticed in zip(chosen, found, strict=True):
                print(f"  {'noticed' if noticed else 'MISSED':8} {promise:52} {test}", flush=True)
                table.append([promise, test, "yes" if noticed else "no"])
                missed += [] if noticed else [promise]
    print(f"=> {len(chosen)} promises broken, {len(chosen) - len(missed)} noticed"
          + "".join(f"; not: {promise}" for promise in missed))
    if not options.quick and not options.words:
        timing.write_table(TARGET, table)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
