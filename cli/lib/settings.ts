import { AppError } from "@/contracts/errors";
import type { RunKind } from "@/contracts/records/run-state";
import { assignSettings } from "@/core/run/assign-settings";
import { parseValue } from "@/core/sweep/sweep-text";

/**
 * Applies `path=value` assignments to a configuration. A value is JSON where it reads as JSON, else text.
 *
 * @throws AppError "invalid-input" for an unknown path, with similar names
 */
export function applySettings(
  config: { kind: RunKind },
  assignments: readonly string[],
): Record<string, unknown> {
  return assignSettings(
    config,
    assignments.map((assignment) => {
      const equals = assignment.indexOf("=");
      if (equals < 1)
        throw new AppError(
          "invalid-input",
          `--set takes path=value, e.g. --set rl.steps=2, not "${assignment}".`,
        );
      return { path: assignment.slice(0, equals), value: parseValue(assignment.slice(equals + 1)) };
    }),
  );
}
