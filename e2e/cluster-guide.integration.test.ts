import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { listShellCommands, readGuide } from "@/cli/testing/guide-commands";
import { renderTemplate } from "@/core/pools/template";
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

  it("has a template for several nodes of Slurm that a pool takes and bash reads, in both languages", async () => {
    const [template, translated] = ["cluster.md", "cluster.zh.md"].map(
      (name) => /^```bash\n([^]*?)^```$/m.exec(readGuide(name))?.[1],
    );
    expect(translated).toBe(template);
    const script = renderTemplate("slurm", template!, {
      job: "s3-1",
      worker: "lab-1",
      pool: "lab",
      server: "http://127.0.0.1:3000",
      gpus: 4,
      engineSlots: 1,
      lightSlots: 4,
    });
    const folder = await mkdtemp(join(tmpdir(), "s3-slurm-"));
    try {
      await writeFile(join(folder, "job.sh"), script);
      await run("bash", ["-n", join(folder, "job.sh")]);
    } finally {
      await rm(folder, { recursive: true });
    }
    const worker = script.split("\n").find((line) => line.startsWith("exec npm run worker -- "));
    expect(worker).toMatch(/--server http:\/\/127\.0\.0\.1:3000 --name lab-1 .*--ray-address /);
  });

  it.skipIf(!existsSync(RAY))("gives Ray options that it has", async () => {
    const { stdout } = await run(RAY, ["start", "--help"], { timeout: 120_000 });
    const given = [
      ...startingWith(".venv/bin/ray start"),
      ...readGuide("cluster.md").match(/(?<=^ {2})\.venv\/bin\/ray start .*/gm)!,
    ].flatMap(listOptions);
    expect(given).toContain("--head");
    expect(given.filter((option) => !stdout.includes(option))).toEqual([]);
  });
});
