import { markText, type Text } from "@/app/_i18n/format-text";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";

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

const BOUND_TEXTS: Readonly<Record<string, string>> = {
  ">=": markText("must be at least {limit}"),
  ">": markText("must be greater than {limit}"),
  "<=": markText("must be at most {limit}"),
  "<": markText("must be less than {limit}"),
};

/** Messages of the schemas themselves that people see most; the others stay English. */
const SCHEMA_MESSAGES: ReadonlySet<string> = new Set([
  markText("give the run a name"),
  markText("give the sweep a name"),
  markText("give at least one value"),
  markText("give at least one row"),
  markText("a seed is given twice"),
  markText("every weight is 0, so nothing is rewarded: give one term a weight"),
  markText("give the checkpoint whose state is taken, or set checkpointState to weights"),
  markText("needs a run whose answers are kept (episodesOf)"),
  markText("there is no such prompt with these settings: leave it empty"),
]);

/** Rewrites zod's messages in plain words. */
export function formatIssueMessage(t: Text, message: string): string {
  if (/expected number, received (NaN|string|undefined)/.test(message)) return t("give a number");
  if (/expected int, received number/.test(message)) return t("give a whole number");
  const bound = /^Too (small|big): expected number to be (>=?|<=?)(\S+)$/.exec(message);
  if (bound) return t(BOUND_TEXTS[bound[2]!]!, { limit: bound[3]! });
  if (message === "Invalid UUID") return t("not an id (a UUID)");
  if (message === "Invalid URL") return t("not a URL with http:// or https://");
  if (/^Too small: expected string/.test(message)) return t("must not be empty");
  return SCHEMA_MESSAGES.has(message) ? t(message) : message;
}
