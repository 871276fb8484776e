import type { EngineOptions } from "@/gpu-workers/llm/engine/process";

/** What of a worker's GPUs its engine takes. */
interface EngineDevices {
  /** GPUs, or processes on a CPU, that train one model together, at most; undefined: the engine decides. */
  devices: number | undefined;
  /** How many they are; null: known once the engine has joined its Ray cluster. */
  ranks: number | null;
  /** GPUs of this machine from the first on that it trains on; null: those that a Ray cluster gives it. */
  gpus: number | null;
  /** What the user should know of the choice; null: nothing. */
  warning: string | null;
}

/**
 * How many GPUs train together: all that CUDA sees, unless the user says otherwise. Pure.
 * Where Ray is not installed a machine of several GPUs trains on one, and says so: what was asked for is not replaced.
 *
 * @param visible GPUs that CUDA sees
 */
export function chooseEngineDevices(
  {
    engineDevices,
    rayAddress,
    engineDevice,
  }: { engineDevices?: number; rayAddress?: string; engineDevice?: EngineOptions["device"] },
  visible: number,
  hasRay: boolean,
): EngineDevices {
  const isOnGpus = visible > 0 && (engineDevice ?? "cuda") === "cuda";
  if (rayAddress !== undefined)
    return {
      devices: engineDevices,
      ranks: null,
      gpus: isOnGpus ? null : 0,
      warning: null,
    };
  if (!isOnGpus)
    return { devices: engineDevices, ranks: engineDevices ?? 1, gpus: 0, warning: null };
  if (engineDevices !== undefined) {
    const ranks = Math.min(engineDevices, visible);
    return { devices: ranks, ranks, gpus: ranks, warning: describeMissing(engineDevices, visible) };
  }
  if (hasRay || visible === 1)
    return { devices: visible, ranks: visible, gpus: visible, warning: null };
  return {
    devices: undefined,
    ranks: 1,
    gpus: 1,
    warning: `This machine has ${visible} GPUs, but without Ray one of them is used: node scripts/setup.mjs --only python-ray`,
  };
}

const describeMissing = (wanted: number, visible: number): string | null =>
  wanted > visible
    ? `The engine was to have ${wanted} GPUs (--engine-devices), and this worker sees ${visible}: it trains on these.`
    : null;
