import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { listShellCommands, readGuide } from "@/cli/testing/guide-commands";
import { inRoot, ROOT, VENV_DIR } from "@/lib/paths.mjs";

/**
 * The commands of docs/guides/cluster.md: programs and options that there are. cli.integration.test.ts runs those of the
 * command line; worker and Ray are only asked for their options, since what they start does not end.
 */
const run = promisify(execFile);
const commands = listShellCommands(readGuide("cluster.md"));
const RAY = join(VENV_DIR, "bin", "ray");

const listOptions = (command: string): string[] => command.match(/(?<= )--[a-z][a-z-]*/g) ?? [];
const startingWith = (words: string): string[] =>
  commands.filter((command) => command.startsWith(words));

describe("the guide from a laptop to a cluster", () => {
  it("has the same commands in both languages", () => {
    expect(commands.length).toBeGreaterThan(8);
    expect(listShellCommands(readGuide("cluster.zh.md"))).toEqual(commands);
  });

  it("names scripts that there are", () => {
    const { scripts } = JSON.parse(readFileSync(inRoot("package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const named = commands.flatMap((c) => /^npm (?:run )?([\w:]+)/.exec(c)?.[1] ?? []);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
    const files = commands.flatMap((c) => /^node (\S+)/.exec(c)?.[1] ?? []);
    expect(files.filter((file) => !existsSync(inRoot(file)))).toEqual([]);
  });

  it("gives the worker options that it has", async () => {
    const tsx = inRoot("node_modules", "tsx", "dist", "cli.mjs");
    const main = inRoot("gpu-workers", "agent", "main.ts");
    const { stdout } = await run(process.execPath, [tsx, main, "--help"], { cwd: ROOT });
    const given = startingWith("npm run worker -- ").flatMap((command) =>
      listOptions(command.replace("npm run worker -- ", " ")),
    );
    expect(given).toContain("--ray-address");
    expect(given.filter((option) => !stdout.includes(`${option} `))).toEqual([]);
  });

  it.skipIf(!existsSync(RAY))("gives Ray options that it has", async () => {
    const { stdout } = await run(RAY, ["start", "--help"], { timeout: 120_000 });
    const given = startingWith(".venv/bin/ray start").flatMap(listOptions);
    expect(given).toContain("--head");
    expect(given.filter((option) => !stdout.includes(option))).toEqual([]);
  });
});
