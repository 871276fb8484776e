import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";

export type ParsedConfig =
  { ok: true; config: RunConfig } | { ok: false; problems: { path: string; message: string }[] };

/**
 * Reads a pasted configuration. Every problem names its place: the line of broken JSON, the path of a setting, the
 * unknown key.
 */
export function parseConfigText(text: string): ParsedConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return {
      ok: false,
      problems: [
        {
          path: locateSyntaxError(text, error),
          message: `not JSON: ${error instanceof Error ? error.message : String(error)}`,
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
          message: "unknown setting",
        }));
      return [
        { path: issue.path.join(".") || "(root)", message: formatIssueMessage(issue.message) },
      ];
    }),
  };
}

function locateSyntaxError(text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  const line = /line (\d+)/.exec(message)?.[1];
  if (line) return `line ${line}`;
  const position = /position (\d+)/.exec(message)?.[1];
  if (position === undefined) return text.trim() === "" ? "empty" : "end of text";
  return `line ${text.slice(0, Number(position)).split("\n").length}`;
}

/** Rewrites zod's messages in plain words. */
export function formatIssueMessage(message: string): string {
  if (/expected number, received (NaN|string|undefined)/.test(message)) return "give a number";
  if (/expected int, received number/.test(message)) return "give a whole number";
  const bound = /^Too (small|big): expected number to be (>=?|<=?)(\S+)$/.exec(message);
  if (bound)
    return `must be ${{ ">=": "at least", ">": "greater than", "<=": "at most", "<": "less than" }[bound[2]!]} ${bound[3]}`;
  if (message === "Invalid UUID") return "not an id (a UUID)";
  if (message === "Invalid URL") return "not a URL with http:// or https://";
  if (/^Too small: expected string/.test(message)) return "must not be empty";
  return message;
}
