/**
 * Some packages tell their makers how they are used unless a variable keeps them from it. Plain JavaScript, because the
 * scripts of the setup read it before any package is installed.
 */

/** For the environment of a process. */
export const NO_TELEMETRY = {
  CHECKPOINT_DISABLE: "1", // Prisma's commands
  NEXT_TELEMETRY_DISABLED: "1",
  ORT_DISABLE_TELEMETRY: "1", // ONNX Runtime, read once, before the first session
  VLLM_NO_USAGE_STATS: "1",
};

/** Keeps the packages of this process from it, also native code in its threads. A variable that is set stays. */
export function forbidTelemetry() {
  for (const [name, value] of Object.entries(NO_TELEMETRY)) process.env[name] ??= value;
}
