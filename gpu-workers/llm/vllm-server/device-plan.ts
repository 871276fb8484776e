import { countSamplerDevices, type SamplerPlacement } from "@/contracts/run-config/sampler";
import { AppError } from "@/contracts/errors";

/** The GPUs of a worker, as its programs name them. */
export interface WorkerDevices {
  /** Names for CUDA_VISIBLE_DEVICES, in the order in which the engine counts them. */
  visible: readonly string[];
  /** GPUs from the first on that the engine trains on; null: those that a Ray cluster gives it, which nobody here knows. */
  engineDevices: number | null;
}

/**
 * The GPUs as CUDA sees them: those that CUDA_VISIBLE_DEVICES names, else all, by number.
 *
 * @param installed GPUs of the machine
 */
export function listVisibleDevices(
  installed: number,
  visible: string | undefined = process.env.CUDA_VISIBLE_DEVICES,
): string[] {
  if (visible === undefined) return Array.from({ length: installed }, (_, i) => String(i));
  return visible
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/**
 * Gives each replica its GPUs: what CUDA_VISIBLE_DEVICES is to be for it. Pure.
 *
 * @throws AppError "unsupported" that says which setting to change, where the worker has too few or the engine's own
 */
export function planSamplerDevices(
  placement: SamplerPlacement,
  { visible, engineDevices }: WorkerDevices,
): string[] {
  const { replicas, tensorParallelSize } = placement;
  const wanted = countSamplerDevices(placement);
  const apart = placement.placement === "apart";
  if (apart && engineDevices === null && placement.devices === null)
    throw new AppError(
      "unsupported",
      "The engine trains on the GPUs that its Ray cluster gives it (--ray-address), so which are vLLM's own is not known here: start Ray on this machine without some of them, and name those in searcher.samplerDevices.",
    );
  const taken = apart ? (engineDevices ?? 0) : 0;
  const chosen = placement.devices ?? Array.from({ length: wanted }, (_, i) => taken + i);
  const missing = chosen.find((device) => device >= visible.length);
  if (missing !== undefined)
    throw new AppError(
      "unsupported",
      placement.devices === null
        ? explainTooFew(wanted, visible.length, apart ? taken : null)
        : `searcher.samplerDevices names GPU ${missing}, counted from 0, and this worker has ${visible.length}: name others.`,
    );
  const shared = chosen.find((device) => device < taken);
  if (shared !== undefined)
    throw new AppError(
      "unsupported",
      `searcher.samplerDevices names GPU ${shared}, which the engine trains on: with samplerPlacement apart ${taken < visible.length ? `name others, from ${taken} on, or ` : ""}start the worker with a smaller --engine-devices.`,
    );
  return Array.from({ length: replicas }, (_, replica) =>
    chosen
      .slice(replica * tensorParallelSize, (replica + 1) * tensorParallelSize)
      .map((device) => visible[device]!)
      .join(","),
  );
}

/** @param taken GPUs that the engine trains on, where vLLM is to have others; null: they share them */
function explainTooFew(wanted: number, has: number, taken: number | null): string {
  const what = `vLLM is to have ${wanted} GPUs${taken === null ? "" : " of its own"} (searcher.samplerReplicas times samplerTensorParallel), and this worker has ${has}`;
  if (taken === null) return `${what}: lower these.`;
  const restart =
    has > wanted ? `start the worker with --engine-devices ${has - wanted} or less, ` : "";
  return `${what}, of which the engine trains on ${taken}: ${restart}lower these, or choose samplerPlacement colocated.`;
}

/**
 * The plan of vLLM's build for the CPU, which has no GPUs: every replica sees what there is. Pure.
 *
 * @throws AppError "unsupported" where GPUs are asked for
 */
export function planCpuReplicas({
  placement,
  devices,
  replicas,
  tensorParallelSize,
}: SamplerPlacement): null[] {
  if (placement === "apart" || devices !== null || tensorParallelSize > 1)
    throw new AppError(
      "unsupported",
      "vLLM is installed here in its build for the CPU, which has no GPUs to choose: set searcher.samplerPlacement to colocated, samplerTensorParallel to 1, and leave samplerDevices empty.",
    );
  return Array.from({ length: replicas }, () => null);
}
