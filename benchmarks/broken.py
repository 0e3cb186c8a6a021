"""Does every promise have a test that fails when the promise is broken?

    python -m benchmarks.broken [WORD ...]    ten minutes; writes data/broken.csv
    python -m benchmarks.broken --quick       every fifth
    python -m benchmarks.broken --check       only whether all places and tests are there

For each promise one place of the source is changed in a copy so that it no longer holds, and the
test that watches over it is run: it has to fail there, and to pass on the unchanged copy. WORD
chooses promises by their text; then nothing is written. The derivatives have more of these, see
tests/network/test_adjoint.py. Before anything else every place must be found in the source, once,
and every test.
"""

import concurrent.futures
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import tempfile

from . import script

ROOT = pathlib.Path(__file__).parents[1]

# promise, file in pdenet/, what is there, what breaks it, the test in tests/
BROKEN = [
    ("K' is the transpose of K", "kernels/cell_rows.py",
     "(preceding(before[1], lower) - lower) + across)",
     "(preceding(before[1], lower) - lower) + 1.001 * across)",
     "kernels/test_planes.py::test_gradient_form_is_symmetric"),
    ("G is its own transpose", "kernels/gaussian.py", "else 2 * size - 1 - i",
     "else 2 * size - 2 - i",
     "kernels/test_planes.py::test_adjoint_of_smoothing_is_its_transpose_and_adds"),
    ("the adjoint of the network, to 0.1 %", "scheme/block.py", "float(2 * tau / self",
     "float(2.002 * tau / self", "network/test_adjoint.py::test_gradient_of_every_model"),
    ("sum beta d/dbeta + contrast d/dcontrast - 2 tau d/dtau = 0", "scheme/block.py",
     "gradient[name] = -2 * tau", "gradient[name] = -2.0000000002 * tau",
     "network/test_adjoint.py::test_gradient_of_every_model"),
    ("flow = gradient of the energy / 2", "scheme/fluxes.py",
     "return self.diffusivity.potential(nu).sum",
     "return 1.001 * self.diffusivity.potential(nu).sum",
     "test_properties.py::test_energy_gradient_is_the_flow"),
    ("with a mask, too", "scheme/masks.py", "self._weights, flux.dtype.type(scale)",
     "self._weights, flux.dtype.type(1.001 * scale)",
     "scheme/test_masks.py::test_the_flow_is_the_gradient_of_the_energy"),
    ("nothing comes from pixels that are not measured", "kernels/masked_cells.py",
     "fma(cell.top, b - a, cell.bottom * (d - c))", "(b - a) + cell.bottom * (d - c)",
     "scheme/test_masks.py::test_a_step_equals_the_naive_one"),
    ("Gaussians keep constants for every mask", "scheme/masks.py", "ROUNDS, CORRECTIONS = 8, 10",
     "ROUNDS, CORRECTIONS = 3, 3",
     "scheme/test_masks.py::test_gaussians_are_symmetric_and_keep_constants_and_the_mean"),
    ("the energy never grows", "scheme/limits.py", "return 2 / (rho + self",
     "return 9 / (rho + self", "test_properties.py::test_energy_never_grows"),
    ("||u - mean|| never grows up to tau_max", "scheme/limits.py", "return 2 / (rho + self",
     "return 2.1 / (rho + self", "test_properties.py::test_norm_never_grows_up_to_tau_max"),
    ("a step with a dictionary amplifies by no more than is allowed", "scheme/dictionary.py",
     "self.amplification / most", "1.1 * self.amplification / most",
     "scheme/test_dictionary.py::test_a_step_amplifies_no_more_than_is_allowed_and_nearly_as_much"),
    ("negative rates need leave", "scheme/dictionary.py", "(self.rates < 0).any():",
     "(self.rates < -9).any():", "scheme/test_dictionary.py::test_what_is_refused"),
    ("the parts of the dictionary turn with the image", "kernels/derivative_rows.py",
     "d[5] - three * d[7]", "d[5] - two * d[7]",
     "scheme/test_derivatives.py::test_the_parts_depend_little_on_the_direction"),
    ("the dictionary leaves constants as they are", "kernels/derivative_rows.py",
     "even, odd = (right + left) - twice", "even, odd = (right + left) - (twice + twice)",
     "kernels/test_dictionary.py::test_a_constant_is_left_as_it_is_bit_for_bit"),
    ("the dictionary's halo", "scheme/limits.py", "max(whole, filters // 2 + weights)",
     "max(whole, weights)", "test_properties.py::test_workers_and_tiles_change_no_bit"),
    ("training keeps what a step may amplify", "scheme/dictionary.py",
     "return self._scaled(1 / (1 + tau * self", "return self._scaled(1 / (0.9 + tau * self",
     "scheme/test_dictionary.py::test_saturated_rates_keep_the_bound_and_come_back"),
    ("files without a dictionary still load", "network/catalogue.py",
     'LATER_KEYS = "integration", "dictionary"', 'LATER_KEYS = "integration"',
     "network/test_saved.py::test_missing_keys"),
    ("cosine modes to the rim", "kernels/row_memory.py", "memory[row + 1], memory[row + columns]",
     "memory[row + 2], memory[row + columns]",
     "test_properties.py::test_cosine_modes_are_eigenvectors_to_the_rim"),
    ("the mean grey value is kept", "kernels/cell_rows.py", "(preceding(before[0], upper) - upper)",
     "(preceding(before[0], upper) - 1.001 * upper)", "test_properties.py::test_mean_is_kept"),
    ("grey levels scale and shift", "scheme/diffusivities.py",
     "return -1 / (2 * self.contrast**2 *", "return -1 / (2 * self.contrast *",
     "test_properties.py::test_grey_levels_scale_and_shift"),
    ("minimum and maximum are kept", "scheme/block.py",
     "(-self.scales.strength[0] * np.array(taus))",
     "(-1.3 * self.scales.strength[0] * np.array(taus))",
     "test_properties.py::test_isotropic_single_scale_keeps_the_range"),
    ("rotations by 90 degrees and flips", "kernels/cell_rows.py",
     "return (b - a) + (d - c), d - b, c - a", "return (b - a) + (d - c), 1.001 * (d - b), c - a",
     "test_properties.py::test_rotations_by_90_degrees_flips_and_transposition"),
    ("workers and tiles change no bit", "execution/tiles.py", "(max(first - halo, 0)",
     "(max(first - halo + 1, 0)", "test_properties.py::test_workers_and_tiles_change_no_bit"),
    ("tau above tau_max is refused", "network/timesteps.py", "tau > tau_max * (1 + 1e-9)",
     "tau > tau_max * 1.1",
     "test_properties.py::test_slightly_more_than_tau_max_is_refused_and_grows"),
    ("no steps, no time: a copy", "execution/passes.py", "return planes.copy()", "return planes",
     "test_properties.py::test_no_time_or_no_steps_give_a_copy"),
    ("sigma larger than the image", "kernels/gaussian.py", "i %= 2 * size\n",
     "i %= 2 * size + 1\n",
     "test_properties.py::test_sigma_larger_than_the_image"),
    ("peak memory of the adjoint", "network/adjoint.py", 'work.part(k if keep else "step")',
     "work.part(k)", "network/test_adjoint.py::test_peak_memory_is_what_the_docstring_says"),
    ("peak memory of filters", "execution/tiles.py", "edge = max(edge, HALOS * halo)",
     "edge = max(2 * edge, HALOS * halo)",
     "test_properties.py::test_peak_memory_of_filters_is_what_the_docstring_says"),
    # Input
    ("NaN in an image: where and how many", "images.py", "if not np.isfinite(largest):",
     "if np.isinf(largest):", "test_filters.py::test_bad_images"),
    ("no empty image", "images.py", "if image.size == 0:", "if image.size < 0:",
     "test_filters.py::test_bad_images"),
    ("no masked array", "images.py", "if isinstance(image, np.ma.MaskedArray):",
     "if image is None:", "test_filters.py::test_bad_images"),
    ("no complex image, no text", "images.py", 'array.dtype.kind not in "buif"',
     'array.dtype.kind not in "buifcU"', "test_filters.py::test_bad_images"),
    ("a forgotten channel_axis", "images.py", "if image.shape[axis] <= 4]\n        hint",
     "if image.shape[axis] <= 2]\n        hint", "test_filters.py::test_bad_images"),
    ("AxisError for a channel_axis out of range", "images.py",
     "if not -image.ndim <= channel_axis < image.ndim:",
     "if not -image.ndim <= channel_axis <= image.ndim:", "test_filters.py::test_bad_images"),
    ("images of one column", "kernels/second_order.py",
     "for j in range(0, last + 1, max(last, 1)):", "for j in (0, last):",
     "test_filters.py::test_tiny_images"),
    ("any type, converted without rescaling", "images.py",
     "return np.ascontiguousarray(array, dtype=dtype), check",
     "return np.ascontiguousarray(array, dtype=np.float64), check",
     "test_filters.py::test_types_are_converted_without_rescaling"),
    ("any layout; the image is never changed", "images.py",
     "return np.ascontiguousarray(array, dtype=dtype), check",
     "return np.ravel(array, 'K').reshape(array.shape).astype(dtype, order='C'), check",
     "test_filters.py::test_memory_layouts_change_nothing"),
    ("numbers that are not allowed", "checks.py", "or (above is not None and not number > above)",
     "or (above is not None and not number >= above)", "test_filters.py::test_bad_parameters"),
    ("PDENET_NUM_THREADS", "checks.py", "return int(text)", "return 1",
     "test_filters.py::test_number_of_threads_from_the_environment"),
    ("threads have work arrays of their own", "execution/workers.py",
     "[_workspace() for _ in range(count)]", "count * [_workspace()]",
     "execution/test_workers.py::test_each_thread_has_its_own_workspace_and_the_caller_works_too"),
    ("work arrays end with an error", "execution/workers.py", "if kind is None:", "if True:",
     "execution/test_workers.py::test_after_an_error_no_work_array_is_used_again"),
    ("a forked process has threads of its own", "execution/workers.py",
     "after_in_child=_idle.clear", "after_in_child=int",
     "execution/test_workers.py::test_a_forked_process_has_threads_of_its_own"),
    ("several threads may pull back", "network/adjoint.py", "cotangent, Workspace(), mask)",
     "cotangent, work, mask)", "network/test_adjoint.py::test_pullback_from_several_threads"),
    ("an error ends the work of all threads", "execution/workers.py", "waiting.clear()", "pass",
     "execution/test_workers.py::test_an_error_ends_the_work_and_reaches_the_caller"),
    # Files
    ("a failed save leaves the old file", "files/document.py", "with atomic_file(path) as file:",
     'with open(path, "wb") as file:',
     "network/test_saved.py::test_a_failed_save_leaves_the_old_file"),
    ("kill -9 while saving", "files/document.py", "with atomic_file(path) as file:",
     'with open(path, "wb") as file:', "test_faults.py::test_every_fault_is_survived"),
    ("duplicate keys are refused", "files/document.py", "if name in found:", "if name is found:",
     "network/test_saved.py::test_files_that_hold_no_network"),
    ("NaN in a parameter file is refused", "files/document.py", "parse_constant=refuse,", "",
     "network/test_saved.py::test_files_that_hold_no_network"),
    ("files nested too deeply", "files/document.py",
     "except (ValueError, RecursionError) as error", "except ValueError as error",
     "network/test_saved.py::test_files_that_hold_no_network"),
    ("lists of the wrong length", "network/catalogue.py", "not 1 <= len(values) <= 100",
     "not values", "network/test_saved.py::test_wrong_entries"),
    ("a newer version is refused", "files/document.py", 'if document["version"] != version:',
     'if document["version"] < version:', "network/test_saved.py::test_wrong_entries"),
    ("unknown keys are refused", "files/document.py", "if key not in (*keys, *later):",
     "if key in ():", "network/test_saved.py::test_wrong_entries"),
    ("an absurd size is refused before decoding", "files/contents.py", "if pixels > max_pixels:",
     "if pixels > 2**60:", "commands/test_main.py::test_bad_inputs"),
    ("an existing output is refused before any work", "files/images.py",
     "if os.path.lexists(name) and not overwrite:", "if False:",
     "execution/test_chunks.py::test_filter_a_zarr_array"),
    ("a file made meanwhile is not replaced", "files/atomic.py", "os.link(temporary, target)",
     "os.replace(temporary, target)",
     "commands/test_main.py::test_a_file_made_meanwhile_is_not_replaced"),
    ("integers never wrap", "files/values.py", "inside = np.clip(rounded,",
     "inside = np.where(True, rounded,",
     "files/test_images.py::test_rounding_and_clipping_never_wrap"),
    ("integers are rounded", "files/values.py", "rounded = np.rint(result).astype(np.float64)",
     "rounded = np.floor(result).astype(np.float64)",
     "files/test_images.py::test_rounding_and_clipping_never_wrap"),
    ("a full disk leaves the old file and nothing else", "files/atomic.py", "os.unlink(temporary)",
     "pass", "commands/test_main.py::test_disk_full_keeps_the_old_file"),
    ("Ctrl-C: one line, nothing written", "commands/main.py", "except KeyboardInterrupt as error:",
     "except ZeroDivisionError as error:",
     "commands/test_main.py::test_ctrl_c_stops_within_a_second_and_leaves_nothing"),
    ("a damaged cache costs time only", "kernels/compiler.py",
     "except Exception as error:  # unreadable", "except KeyError as error:  # unreadable",
     "kernels/test_compiler.py"),
    ("changed sources void the cache", "kernels/compiler.py",
     'sorted(pathlib.Path(folder).rglob("*.py"))', 'sorted(pathlib.Path(folder).rglob("*.py"))[:1]',
     "kernels/test_compiler.py::test_every_file_of_the_folder_counts"),
    # Training
    ("a loss that is not finite stops", "learning/training_loop.py",
     "if not (math.isfinite(loss) and np.isfinite(gradient).all()):", "if False:",
     "learning/test_fit.py::test_a_loss_that_is_not_finite_stops_and_keeps_the_checkpoint"),
    ("resumed: what the optimiser remembers", "learning/training_loop.py",
     "return np.array(part, float).reshape(shape)",
     "return 1.0001 * np.array(part, float).reshape(shape)",
     "learning/test_checkpoints.py::test_resumed_training_has_the_bits_of_an_uninterrupted_one"),
    ("resumed: the order of the images", "learning/training_loop.py",
     'self.rng.bit_generator.state = state["rng"]', 'state["rng"]',
     "learning/test_checkpoints.py::test_resumed_training_has_the_bits_of_an_uninterrupted_one"),
    ("resumed: the path of L-BFGS", "learning/optimizers.py",
     "if not np.array_equal(x, points[k]):", "if False:",
     "learning/test_lbfgs.py::test_a_checkpoint_of_another_path_is_told"),
    ("the best point, not the last trial", "learning/training_loop.py",
     "best = self.validation is not None or self.optimizer.full_batch",
     "best = self.validation is not None",
     "learning/test_lbfgs.py::test_the_result_is_the_best_point_though_the_last_may_be_a_trial"),
    ("resumed: the history", "learning/training_loop.py", 'self.history = state["history"]',
     'self.history = state["history"][::-1]',
     "learning/test_checkpoints.py::test_resumed_training_has_the_bits_of_an_uninterrupted_one"),
    ("resumed: the best epoch", "learning/training_loop.py",
     "self.best_loss = math.inf if best_loss is None", "self.best_loss = math.inf if best_loss",
     "learning/test_checkpoints.py::test_resumed_training_knows_the_best_epoch_and_its_patience"),
    ("a checkpoint of other settings is refused", "learning/checkpoints.py", "if different:",
     "if False:", "learning/test_checkpoints.py::test_checkpoint_of_other_settings_is_refused"),
    ("two trainings, one checkpoint", "learning/checkpoints.py", "fcntl.LOCK_EX | fcntl.LOCK_NB",
     "fcntl.LOCK_SH | fcntl.LOCK_NB",
     "learning/test_checkpoints.py::test_a_second_training_on_one_checkpoint_is_refused"),
    ("a damaged checkpoint is refused", "learning/checkpoints.py",
     'if not isinstance(document, dict) or document.get("format") != FORMAT:',
     "if not isinstance(document, dict):",
     "learning/test_checkpoints.py::test_damaged_checkpoint_is_refused"),
    ("workers change no bit of a training", "network/adjoint.py",
     "sum(gradient[name] for gradient in gradients)",
     "np.asarray(sum(g[name] for g in gradients)).astype('f8' if team.count < 3 else 'f4')",
     "learning/test_fit.py::test_fit_gives_the_same_bits_for_any_number_of_workers"),
    # Beyond memory, and beyond one machine
    ("halos of chunks", "execution/passes.py", "grouped = [(halo, group)",
     "grouped = [(halo - 1, group)",
     "execution/test_chunks.py::test_evolution_is_that_of_the_whole_image_bit_for_bit"),
    ("NaN in a chunk: where in the whole image", "execution/chunks.py", "[low for low, _ in",
     "[high for low, high in",
     "execution/test_chunks.py::test_values_that_are_not_finite_are_found_where_they_are"),
    ("tasks of dask are single threads", "execution/passes.py",
     "workers=1 if workers is None else workers", "workers=workers",
     "execution/test_chunks.py::test_tasks_are_single_threads"),
    ("an interrupted array goes on with what is missing", "files/zarr_arrays.py",
     "done.add((*index, *block))", "pass",
     "execution/test_chunks.py::test_an_interrupted_run_goes_on"),
    ("an array of another command is refused", "files/zarr_arrays.py", "if different:",
     "if False:", "execution/test_chunks.py::test_an_interrupted_run_goes_on"),
    ("a cluster has the bits of one machine", "execution/cluster.py",
     "return self.client.gather(futures)", "return self.client.gather(futures[:1] + futures[:-1])",
     "execution/test_cluster.py::test_the_same_bits_as_on_one_machine"),
    ("data are loaded where they are used", "execution/cluster.py",
     "self.client.compute(planes) if is_lazy(planes) else planes for planes in arrays]",
     "planes.compute() if is_lazy(planes) else planes for planes in arrays]",
     "execution/test_cluster.py::test_data_is_loaded_where_it_is_used"),
    ("a file that fails does not stop a folder", "commands/folders.py",
     "except (*FAULTS, MemoryError) as error:", "except MemoryError as error:",
     "commands/test_denoise.py::test_failures_in_a_folder"),
    ("a folder keeps what is there", "commands/folders.py",
     "options.overwrite or not os.path.exists(task[1])", "True",
     "commands/test_denoise.py::test_a_folder_goes_on_where_it_was"),
    ("padding does not decide the noise level", "noise/level.py",
     "unflat[i:i + flat.shape[0], j:j + flat.shape[1]] &= ~flat", "pass",
     "noise/test_level.py::test_bars_of_one_value_do_not_decide"),
    ("clipped values do not decide the noise level", "noise/level.py",
     "inside &= tile != end", "pass",
     "noise/test_level.py::test_clipped_grey_values_do_not_decide"),
    ("the noise of groups of patches is not that of their means", "noise/curve.py",
     "kept, alike=True", "kept", "noise/test_models.py::test_the_line_of_counts"),
    ("the inverse for counts is unbiased", "noise/poisson.py",
     "+ np.interp(\n            plane, values, rest).astype(plane.dtype)", "- number(3 / 8)",
     "noise/test_models.py::test_the_inverse_for_counts_with_camera_noise_is_unbiased"),
    ("the inverse for speckle is unbiased", "noise/speckle.py", "- number(mean)", "",
     "noise/test_models.py::test_constants_come_back_unbiased"),
    ("the inverse for magnitudes is unbiased", "noise/rician.py",
     "_expectations(_transform), _magnitudes()**2", "_transform(_law()[1]), _law()[1]**2",
     "noise/test_models.py::test_the_inverse_for_magnitudes_is_unbiased"),
    ("noisier pixels are drawn to the last result", "noise/varying.py",
     "last + left * (planes - last)", "planes",
     "noise/test_varying.py::test_noisier_pixels_are_drawn_to_the_last_result"),
    ("a noisy channel costs the others nothing", "denoising.py", "(sigma / levels[noisy])",
     "(levels[noisy] ** 0)", "test_denoising.py::test_a_noisy_channel_costs_the_others_nothing"),
    ("channels with nothing in common stay apart", "learning/channels.py",
     "np.where(np.abs(covariance) >= least, covariance, 0)", "covariance + 0.0",
     "test_denoising.py::test_channels_with_nothing_in_common_stay_apart"),
    ("the defaults are those of the least estimated error", "estimates.py",
     "plain.dtype.type(2 / PROBE)", "plain.dtype.type(0 / PROBE)",
     "test_estimates.py::test_close_to_the_best_that_an_observer_finds"),
    ("a factor on image and contrast is one on the result", "images.py",
     "return np.ldexp(planes, -exponent), math.ldexp(1.0, exponent)", "return planes, 1.0",
     "test_filters.py::test_a_factor_on_image_and_contrast_is_one_on_the_result"),
    ("nodata never leaks", "files/excluded.py",
     "return None if self.places is None else ~self.places", "return None",
     "commands/test_one_file.py::test_filters_of_images_with_nodata_leave_them_out"),
    ("no second derivative takes a pixel that is not measured", "scheme/masks.py",
     "d * f, a * c * g * i, b * h", "d * f, a * c * g * i, b",
     "scheme/test_masks.py::test_second_derivatives_that_take_other_pixels_are_left_out"),
]


def problems():
    """A line for each promise whose place is not in the source once, or whose test is missing."""
    for promise, file, old, _, test in BROKEN:
        source, (tests, _, name) = ROOT / "pdenet" / file, test.partition("::")
        tests = ROOT / "tests" / tests
        if not source.is_file():
            yield f"{promise}: there is no pdenet/{file}"
        elif (count := source.read_text().count(old)) != 1:
            yield f"{promise}: pdenet/{file} has {count} times {old!r}"
        if not tests.is_file():
            yield f"{promise}: there is no {tests.relative_to(ROOT)}"
        elif not re.search(rf"^def {name}\(" if name else "", tests.read_text(), re.MULTILINE):
            yield f"{promise}: {tests.relative_to(ROOT)} has no {name}"


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
    good = path.read_text()
    path.write_text(good.replace(old, new))
    try:
        return not passes(folder, test)
    finally:
        path.write_text(good)


def main():
    parser = script.parser(__doc__, "every fifth")
    parser.add_argument("words", nargs="*", metavar="WORD")
    parser.add_argument("--check", action="store_true",
                        help="only whether all places and tests are there")
    options = parser.parse_args()
    wrong = list(problems())
    if wrong:
        raise SystemExit("\n".join(wrong))
    if options.check:
        print(f"=> all {len(BROKEN)} places and their tests are there")
        return 0
    chosen = [row for row in BROKEN[::5 if options.quick else 1]
              if not options.words or any(word in row[0] for word in options.words)]
    print(script.machine())
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
        script.write_table("broken", table)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
