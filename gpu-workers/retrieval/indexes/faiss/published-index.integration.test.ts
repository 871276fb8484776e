import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import type { IndexConfig } from "@/contracts/run-config/index-config";
import { adoptPublishedIndex, warnIfEncoderMissing } from "./published-index";
import { openDenseRetriever } from "@/gpu-workers/retrieval/backends/dense";

/** A worker's data folder after an import: the corpus, and beside it the index that was published with it. */
let dataDir: string;
const logged: string[] = [];
const log = (level: string, message: string): void => void logged.push(`${level}: ${message}`);

function buildConfig(overrides: Record<string, unknown> = {}): IndexConfig {
  const parsed = runConfigSchema.parse({
    kind: "index",
    name: "Import",
    corpus: "wiki",
    source: { kind: "preset", preset: "wiki-18", withIndex: true },
    retriever: { kind: "dense", encoder: "minilm" },
    ...overrides,
  });
  if (parsed.kind !== "index") throw new Error("not an index run");
  return parsed;
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "published-"));
  const folder = join(dataDir, "corpora", "wiki");
  await mkdir(folder, { recursive: true });
  const corpusPath = join(folder, "documents.jsonl");
  await writeFile(
    corpusPath,
    Array.from({ length: 20 }, (_, i) =>
      JSON.stringify({
        id: String(i),
        title: `Animal ${i}`,
        text: `The animal of the kind ${i} has ${i} legs.`,
      }),
    ).join("\n"),
  );
  const built = await openDenseRetriever({
    corpusPath,
    encoder: "minilm",
    variant: "fp32",
    indexDir: join(dataDir, "built"),
  });
  await built.close();
  await cp(
    join(dataDir, "built", built.describe().key, "vectors.faiss"),
    join(folder, "e5_Flat.index"),
  );
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));
beforeEach(() => void (logged.length = 0));

describe("an index that was imported with its corpus", () => {
  it("whose encoder is not here is kept: the log names the command, and a run that needs it fails rather than encode anew", async () => {
    const command =
      /not in use: .*index adopt .*e5_Flat\.index --corpus wiki --encoder no-such-encoder$/s;
    await adoptPublishedIndex(buildConfig(), log, { dataDir, encoder: "no-such-encoder" });
    expect(logged).toEqual([expect.stringMatching(command)]);
    const needed = buildConfig({ retriever: { kind: "dense", encoder: "no-such-encoder" } });
    await expect(
      adoptPublishedIndex(needed, log, { dataDir, encoder: "no-such-encoder" }),
    ).rejects.toMatchObject({
      code: "not-found",
      message: expect.stringMatching(command) as string,
    });
    await adoptPublishedIndex({ ...needed, buildIndex: false }, log, {
      dataDir,
      encoder: "no-such-encoder",
    });
    expect(logged).toHaveLength(2);
  });

  it("is warned of before it is fetched, where its encoder is not here", async () => {
    await warnIfEncoderMissing(buildConfig(), log, { encoder: "no-such-encoder" });
    expect(logged).toEqual([
      expect.stringMatching(
        /^warn: The published index that is fetched now cannot be used before its encoder is here: the encoder no-such-encoder is not installed/,
      ),
    ]);
    await warnIfEncoderMissing(buildConfig(), log, { encoder: "minilm" });
    await warnIfEncoderMissing(
      buildConfig({ source: { kind: "preset", preset: "wiki-18" } }),
      log,
      {
        encoder: "no-such-encoder",
      },
    );
    expect(logged).toHaveLength(1);
  });

  it("is adopted once, and searched without encoding a passage", async () => {
    for (let i = 0; i < 2; i++)
      await adoptPublishedIndex(buildConfig(), log, { dataDir, encoder: "minilm" });
    expect(logged).toEqual([
      "info: the published index is in use: 20 vectors of length 384 by minilm",
    ]);
    const phases: string[] = [];
    const retriever = await openDenseRetriever(
      {
        corpusPath: join(dataDir, "corpora", "wiki", "documents.jsonl"),
        encoder: "minilm",
        variant: "fp32",
        indexDir: join(dataDir, "indexes"),
      },
      ({ phase }) => phases.push(phase),
    );
    expect(phases).not.toContain("encoding");
    expect((await retriever.search(["kind 7"], 1))[0]?.[0]).toMatchObject({ id: "7" });
    await retriever.close();
  });

  it("is not looked for where none was asked for", async () => {
    for (const source of [{ kind: "installed" }, { kind: "preset", preset: "wiki-18" }])
      await adoptPublishedIndex(buildConfig({ source }), log, {
        dataDir: join(dataDir, "nowhere"),
      });
    expect(logged).toEqual([]);
  });
});
