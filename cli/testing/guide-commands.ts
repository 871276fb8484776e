import { readFileSync } from "node:fs";
import { resolveInRoot } from "@/lib/paths.mjs";

export const readGuide = (name: string): string =>
  readFileSync(resolveInRoot("docs", "guides", name), "utf8");

/** The guide for users of upstream's code. */
export const readUpstreamGuide = (name = "coming-from-upstream.md"): string => readGuide(name);

/** The lines of the blocks of shell commands of a guide. */
export const listShellCommands = (guide: string): string[] =>
  [...guide.matchAll(/^```sh\n([^]*?)^```/gm)].flatMap(([, block]) => block!.trim().split("\n"));

/** The texts in backticks of a Markdown text. */
export const listCode = (text: string): string[] =>
  [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!.trim());

/** What a guide says of this product: all but the first column of its tables, which is upstream's. */
export const listOurCode = (guide: string): string[] =>
  listCode(
    guide
      .split("\n")
      .map((line) => (line.startsWith("|") ? line.split("|").slice(2).join("|") : line))
      .join("\n"),
  );

const PREFIX = "npm run s3 -- ";

/**
 * The commands of a guide, each once, without `npm run s3 --`: those that begin so, and those of three words or more that
 * begin with a command.
 * @param nouns names of commands
 */
export function listGuideCommands(guide: string, nouns: readonly string[]): string[] {
  const commands = listOurCode(guide).flatMap((code) => {
    const words = code.replace(PREFIX, "").split(/\s+/);
    const isCommand = nouns.includes(words[0]!) && words.length > 2;
    if (!isCommand && code.startsWith(PREFIX)) throw new Error(`${code} is no command.`);
    return isCommand ? [words.join(" ")] : [];
  });
  return [...new Set(commands)];
}
