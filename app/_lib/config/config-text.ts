import type { Text } from "@/app/_i18n/format-text";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import { formatIssueMessage } from "@/app/_lib/format/issue-text";

export type ParsedConfig =
  { ok: true; config: RunConfig } | { ok: false; problems: { path: string; message: string }[] };

/**
 * Reads a pasted configuration. Every problem names its place: the line of broken JSON, the path of a setting, the
 * unknown key.
 */
export function parseConfigText(t: Text, text: string): ParsedConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return {
      ok: false,
      problems: [
        {
          path: locateSyntaxError(t, text, error),
          message: t("not JSON: {reason}", {
            reason: error instanceof Error ? error.message : String(error),
          }),
        },
      ],
    };
  }
  const result = runConfigSchema.safeParse(json);
  if (result.success) return { ok: true, config: result.data };
  return {
    ok: false,
    problems: result.error.issues.flatMap((issue) => {
      if (issue.code === "unrecognized_keys")
        return issue.keys.map((key) => ({
          path: [...issue.path, key].join("."),
          message: t("unknown setting"),
        }));
      return [
        { path: issue.path.join(".") || "(root)", message: formatIssueMessage(t, issue.message) },
      ];
    }),
  };
}

function locateSyntaxError(t: Text, text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  const line = /line (\d+)/.exec(message)?.[1];
  if (line) return t("line {line}", { line });
  const position = /position (\d+)/.exec(message)?.[1];
  if (position === undefined) return text.trim() === "" ? t("empty") : t("end of text");
  return t("line {line}", { line: String(text.slice(0, Number(position)).split("\n").length) });
}
