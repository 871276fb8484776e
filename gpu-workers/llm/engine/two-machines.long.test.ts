import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { z } from "zod";
import { PYTHON, resolveInRoot } from "@/lib/paths.mjs";

/** Ranks on two machines that are network namespaces: gpu-workers/engine/tests/two_machines.py does it, this judges. */

const canMakeMachines =
  process.platform === "linux" && process.getuid?.() === 0 && existsSync(PYTHON);
if (!canMakeMachines)
  console.warn("skipped: network namespaces need Linux and root (and the setup)");

const findingSchema = z.discriminatedUnion("finding", [
  z.object({
    finding: z.literal("equal"),
    norms: z.array(z.number()),
    expected: z.array(z.number()),
    nodes: z.array(z.array(z.int())),
  }),
  z.object({
    finding: z.enum(["killed", "cut"]),
    reason: z.string(),
    seconds: z.number(),
  }),
  z.object({
    finding: z.literal("resumed"),
    after: z.enum(["killed", "cut"]),
    ranks: z.int(),
    step: z.int(),
    norm: z.number(),
    expected: z.number(),
  }),
]);

it.skipIf(!canMakeMachines)(
  "ranks on two machines equal one process, are all ended when a machine or the network fails, and resume with those left",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "s3m-"));
    const script = resolveInRoot("gpu-workers", "engine", "tests", "two_machines.py");
    let stdout: string;
    try {
      ({ stdout } = await promisify(execFile)(PYTHON, [script, folder], { maxBuffer: 2 ** 26 }));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    const findings = stdout
      .split("\n")
      .filter((line) => line.startsWith('{"finding"'))
      .map((line) => findingSchema.parse(JSON.parse(line)));
    expect(findings.map(({ finding }) => finding)).toEqual([
      "equal",
      "killed",
      "resumed",
      "equal",
      "cut",
      "resumed",
    ]);
    expect(findings.flatMap((found) => ("after" in found ? [found.after] : []))).toEqual([
      "killed",
      "cut",
    ]);
    const isClose = (value: number, expected: number): void =>
      expect(Math.abs(value - expected) / expected).toBeLessThan(1e-5);
    for (const found of findings)
      if (found.finding === "equal") {
        expect(found.nodes.map(({ length }) => length)).toEqual([1, 1]);
        found.norms.forEach((norm, i) => isClose(norm, found.expected[i]!));
      } else if (found.finding === "resumed") {
        expect(found).toMatchObject({ ranks: 1, step: 1 });
        isClose(found.norm, found.expected);
      } else {
        expect(found.reason).toMatch(/All 2 ranks were ended/);
        // A machine that is gone is noticed at once, a cut network by the time-out of 40 s.
        expect(found.seconds).toBeLessThan(found.finding === "killed" ? 20 : 90);
      }
  },
);
