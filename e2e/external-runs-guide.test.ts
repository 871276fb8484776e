import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { readGuide } from "@/cli/testing/guide-commands";
import { findPreset } from "@/core/presets/run-presets";
import { resolveInRoot } from "@/lib/paths.mjs";

/**
 * docs/guides/external-runs.md: what was tried, and its example, upstream's script with retriever and generator served
 * here.
 */

/** Packages of the guide's table, by the file that pins what the tests try. */
const PINS: Readonly<Record<string, readonly string[]>> = {
  mlflow: ["bench", "requirements-mlflow.txt"],
  transformers: ["gpu-workers", "engine", "requirements", "requirements.txt"],
  trl: ["gpu-workers", "engine", "requirements", "requirements-test.txt"],
  "pytorch-lightning": ["bench", "requirements-lightning.txt"],
};

it.each(Object.entries(PINS))("names the version of %s that is tried", async (name, path) => {
  const text = await readFile(resolveInRoot(...path), "utf8");
  const version = new RegExp(`^${name}==([^;\\s]+)`, "m").exec(text)![1]!;
  for (const guide of ["external-runs.md", "external-runs.zh.md"])
    expect(readGuide(guide)).toContain(`${name} ${version} `);
});

const readExample = (guide: string): object =>
  JSON.parse(/```json\n([^]*?)```/.exec(readGuide(guide))![1]!) as object;

it("the example's command gives upstream's script our retriever and MLflow, and stops where it does", async () => {
  expect(readExample("external-runs.zh.md")).toEqual(readExample("external-runs.md"));
  const config = runConfigSchema.parse(readExample("external-runs.md"));
  if (config.kind !== "command") throw new Error("another kind");
  const { addresses, command } = config;
  const getPort = (id: string): unknown => (findPreset(id)!.config as { port?: number }).port;
  expect(Number(new URL(addresses.retriever).port)).toBe(getPort("serve-paper-retriever"));
  expect(Number(new URL(addresses.generator).port)).toBe(getPort("serve-paper-generator"));

  const folder = await mkdtemp(join(tmpdir(), "s3-upstream-"));
  try {
    await mkdir(join(folder, "scripts", "train"), { recursive: true });
    // The two words as the released script has them, and its pipe; what it starts needs GPUs.
    const start = (status: number): Promise<void> =>
      writeFile(
        join(folder, "scripts", "train", "train_s3.sh"),
        `(echo trainer.logger=['wandb'] \\
    retriever.url="http://127.0.0.1:3000/retrieve" \\
    retriever.topk=8; exit ${status}) \\
    2>&1 | tee train_logs/one.log
`,
      );
    const run = () =>
      promisify(execFile)("bash", ["-c", command], {
        cwd: folder,
        env: { ...process.env, S3_RETRIEVER_URL: addresses.retriever },
      });
    await start(0);
    expect((await run()).stdout.trim()).toBe(
      `trainer.logger=[console,mlflow] retriever.url=${addresses.retriever} retriever.topk=8`,
    );
    await start(3);
    await expect(run()).rejects.toMatchObject({ code: 3 });
  } finally {
    await rm(folder, { recursive: true });
  }
});
