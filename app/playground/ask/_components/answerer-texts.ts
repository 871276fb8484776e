import type { Text } from "@/app/_i18n/format-text";
import type { MethodName } from "@/contracts/records/episode";
import { METHODS } from "@/core/run/methods";

/** A method as it answers here: where it asks a model, with one that was not trained. */
export function formatMethod(t: Text, method: MethodName): string {
  const { title, asksModel } = METHODS[method];
  return asksModel ? t("{method}, untrained", { method: t(title) }) : t(title);
}

/** A run that answers, or its checkpoint. `step`: undefined until it is read. */
export function formatRunAnswerer(
  t: Text,
  { run, checkpoint, step }: { run: string; checkpoint: string | null; step: number | undefined },
): string {
  if (checkpoint === null) return run;
  return step === undefined
    ? t("{run}, checkpoint", { run })
    : t("{run}, step {step}", { run, step });
}
