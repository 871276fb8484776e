import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { launchedKindSchema } from "@/contracts/records/run-state";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { connect } from "@/cli/lib/client";
import { createProgram } from "@/cli/program";
import { applySettings } from "@/cli/lib/settings";
import {
  listCode,
  listGuideCommands,
  listOurCode,
  readUpstreamGuide,
} from "@/cli/testing/guide-commands";
import { findPreset } from "@/core/presets/run-presets";
import { listSettingPaths } from "@/core/run/settings";
import { addCheckpointCommands } from "@/gpu-workers/agent/local-commands/checkpoint";
import { addEncoderCommands } from "@/gpu-workers/agent/local-commands/encoder";
import { addIndexCommands } from "@/gpu-workers/agent/local-commands/indexes";
import { addModelCommands } from "@/gpu-workers/agent/local-commands/model";

import { NOT_RUN } from "./support/guide-commands-not-run";

/**
 * What docs/guides/coming-from-upstream.md names is there: each of its commands is read by the real command line, its
 * settings by the real schemas. guide-commands.integration.test.ts runs them.
 */

const english = readUpstreamGuide();
const ours = listOurCode(english);

const connection = connect("http://127.0.0.1:3000");
connection.close();
const program = createProgram({
  ...connection,
  print: () => undefined,
  printJson: () => undefined,
  warn: () => undefined,
});
/** Scripts, files and options that upstream's README names. */
const README = [
  ...["download.py", "--save_path", "part_*", "gzip -d", "e5_Flat.index", "wiki-18.jsonl.gz"],
  ...["retrieval_launch.sh", "retrieval_launch_mirage.sh", "retrieval_launch_bm25.sh"],
  ...["host.sh", "tensor-parallel-size", "precompute.sh", "train_s3.sh", "evaluate-8-3-3.sh"],
  ...["rag.sh", "deepretrieval.sh", "search_r1.sh", "ircot.py", "search_o1.sh", "run.sh"],
  ...["conda", "pip install -e .", "pyserini", "flash-attn", "vLLM", "8420538", "wandb"],
];

/** Commands that the command line hands to the worker's own program. */
const local = new Command("s3");
for (const add of [addCheckpointCommands, addEncoderCommands, addIndexCommands, addModelCommands])
  add(local);

interface Read {
  command: string;
  options: Record<string, unknown>;
}
const reads: Read[] = [];
/** Reads words as a person's, with everything that the parser refuses, and does nothing. */
function replaceActions(command: Command, path: readonly string[] = []): void {
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  if (command.commands.length === 0)
    command.action(() => void reads.push({ command: path.join(" "), options: command.opts() }));
  for (const child of command.commands) replaceActions(child, [...path, child.name()]);
}
for (const root of [program, local]) replaceActions(root);

async function readCommand(code: string): Promise<Read> {
  const words = code.replace("=URL", "=http://127.0.0.1:8000/v1").split(" ");
  const isLocal = local.commands
    .find((command) => command.name() === words[0])
    ?.commands.some((command) => command.name() === words[1]);
  await (isLocal ? local : program).parseAsync(words, { from: "user" });
  const read = reads.pop();
  if (!read) throw new Error(`${code} was not read.`);
  return read;
}

/** The configuration that a command launches; null for one that launches none by its own options. */
function buildConfig({ command, options }: Read): object | null {
  const set = options.set as string[] | undefined;
  if (command === "predict") {
    const { method, questions, corpus, scorer } = options;
    const base = { kind: "predict" as const, name: "p", method, questions, corpus, scorer };
    return applySettings(base, set!);
  }
  if (command !== "launch" || typeof options.preset !== "string") return null;
  const { config } = findPreset(options.preset)!;
  return applySettings(structuredClone(config), set!);
}

const commands = listGuideCommands(
  english,
  program.commands.map((command) => command.name()),
);
const KNOWN = new Set(launchedKindSchema.options.flatMap((kind) => listSettingPaths(kind)));

describe("the guide for users of upstream's code", () => {
  it("has the same code in both languages", () =>
    expect(listCode(readUpstreamGuide("coming-from-upstream.zh.md")).sort()).toEqual(
      listCode(english).sort(),
    ));

  it.each(README)("has a word of %s", (name) => expect(english).toContain(name));

  it("names commands", () => expect(commands.length).toBeGreaterThan(25));

  it.each(commands)(
    "`%s` is read by the command line, and what it launches by its schema",
    async (code) => {
      const config = buildConfig(await readCommand(code));
      if (config)
        expect(runConfigSchema.parse(config)).toMatchObject({ kind: expect.any(String) as string });
    },
  );

  it("runs each of them on Atlas, or says why not", () => {
    const tests = ["guide-commands.integration.test.ts", "guide-commands.long.test.ts"]
      .map((name) => readFileSync(join(import.meta.dirname, name), "utf8"))
      .join("\n");
    const isRun = (code: string) => tests.includes(`"${code}"`) && !(code in NOT_RUN);
    expect(commands.filter((code) => !isRun(code)).sort()).toEqual(Object.keys(NOT_RUN).sort());
  });

  it.each(["predict --method rug", "launch --preset paper", "index adopt x", "evaluate"])(
    "`%s` would not be",
    (code) => expect(readCommand(code)).rejects.toThrow(),
  );

  it("names settings that there are", () => {
    const named = ours
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
