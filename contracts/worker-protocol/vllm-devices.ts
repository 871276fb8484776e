/** Whether a version is of vLLM's build for the CPU, e.g. "0.32.0+cpu". */
export const isCpuBuild = (version: string): boolean => version.endsWith("+cpu");

/**
 * Devices that an installed vLLM can spread a model over: the machine's GPUs; for its build for the CPU one, the machine.
 *
 * @param version null: none is installed
 */
export function countVllmDevices(version: string | null | undefined, gpus: number): number {
  if (!version) return 0;
  return isCpuBuild(version) ? 1 : gpus;
}
