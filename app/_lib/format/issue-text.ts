import { markText, type Text } from "@/app/_i18n/format-text";

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
  markText("give it a name"),
  markText("choose what to be told of"),
  markText("give the mail server"),
  markText("give an address with http:// or https://"),
  markText("give the address alone; user and secret have fields of their own"),
  markText("must not be empty"),
  markText("must hold no slash and no control character"),
  markText("must be numbers of GPUs with commas between, e.g. 2,3"),
  markText("small letters, digits and dashes, at most 40"),
  markText("a host as ssh takes it, e.g. user@login.example.org"),
]);

/** Rewrites zod's messages in plain words. */
export function formatIssueMessage(t: Text, message: string): string {
  if (/expected number, received (NaN|string|undefined)/.test(message)) return t("give a number");
  if (/expected int, received number/.test(message)) return t("give a whole number");
  const bound = /^Too (small|big): expected number to be (>=?|<=?)(\S+)$/.exec(message);
  if (bound) return t(BOUND_TEXTS[bound[2]!]!, { limit: bound[3]! });
  const length = /^Too big: expected string to have <=(\d+) characters$/.exec(message);
  if (length) return t("must have at most {limit} characters", { limit: length[1]! });
  if (message === "Invalid email address") return t("not a mail address");
  if (message === "Invalid UUID") return t("not an id (a UUID)");
  if (message === "Invalid URL") return t("not a URL with http:// or https://");
  if (/^Too small: expected string/.test(message)) return t("must not be empty");
  return SCHEMA_MESSAGES.has(message) ? t(message) : message;
}
