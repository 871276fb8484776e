import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { launchedKindSchema } from "@/contracts/records/run-state";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { findPreset } from "@/core/presets/run-presets";
import { listSettingPaths } from "@/core/run/settings";
import { connect } from "./client";
import { createProgram } from "./program";
import { applySettings } from "./settings";

/** What docs/guides/coming-from-upstream.md names must be there: commands, options, presets, settings, the configuration. */

const readGuide = (name: string): string =>
  readFileSync(join(import.meta.dirname, "..", "docs", "guides", name), "utf8");
const english = readGuide("coming-from-upstream.md");
const chinese = readGuide("coming-from-upstream.zh.md");

const listCode = (text: string): string[] =>
  [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!.trim());
/** The column "here" of every table, and the text around the tables. */
const ours = english
  .split("\n")
  .map((line) => (line.startsWith("|") ? line.split("|").slice(2).join("|") : line))
  .join("\n");

const connection = connect("http://127.0.0.1:3000");
const program = createProgram({
  ...connection,
  print: () => undefined,
  printJson: () => undefined,
});
connection.close();

function findCommand(words: readonly string[]): { command: Command; rest: string[] } | null {
  let command: Command = program;
  for (const [i, word] of words.entries()) {
    const next = command.commands.find((each) => each.name() === word);
    if (!next) return command === program ? null : { command, rest: words.slice(i) };
    command = next;
  }
  return { command, rest: [] };
}

const commands = listCode(ours).flatMap((code) => {
  const words = code.replace(/^npm run s3 -- /, "").split(/\s+/);
  const found = words.length > 1 ? findCommand(words) : null;
  if (!found && code.startsWith("npm run s3 -- ")) throw new Error(`${code} is no command.`);
  return found ? [{ code, ...found }] : [];
});
const KNOWN = new Set(launchedKindSchema.options.flatMap((kind) => listSettingPaths(kind)));

describe("the guide for users of upstream's code", () => {
  it("has the same code in both languages", () =>
    expect(listCode(chinese).sort()).toEqual(listCode(english).sort()));

  it("names commands", () => expect(commands.length).toBeGreaterThan(20));

  it.each(commands)("`$code` has options that there are", ({ command, rest }) => {
    const known = command.options.map(({ long }) => long);
    // Programs on this machine read their options themselves.
    if (known.length > 0)
      for (const word of rest.filter((each) => each.startsWith("--")))
        expect(known).toContain(word);
    for (const [i, word] of rest.entries()) {
      if (word === "--preset") expect(findPreset(rest[i + 1]!)).toBeDefined();
      if (word === "--set") applySettings({ kind: "predict" }, [rest[i + 1]!]);
    }
  });

  it("names settings that there are", () => {
    const named = listCode(ours)
      .flatMap((code) => [...code.matchAll(/(?:^|--set )([a-z]+(?:\.[a-zA-Z]+)+)(?:=|$)/g)])
      .map(([, path]) => path!)
      .filter((path) => !/\.jsonl?$/.test(path));
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((path) => !KNOWN.has(path))).toEqual([]);
  });

  it("shows a configuration that can be launched", () => {
    const [, json] = /```json\n([^]*?)```/.exec(english)!;
    expect(runConfigSchema.parse(JSON.parse(json!))).toMatchObject({ kind: "serve", port: 3001 });
  });
});
