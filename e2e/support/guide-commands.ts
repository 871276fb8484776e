import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { pino } from "pino";
import { ATLAS_DIR } from "@/lib/paths.mjs";
import { importAtlas } from "@/server/features/question-sets/atlas";
import { listGuideCommands, readUpstreamGuide } from "@/cli/testing/guide-commands";
import { runCli, type CliResult } from "@/cli/testing/run-cli";
import { startTestServer, type TestServer } from "@/server/testing/test-server";
import { waitUntil } from "@/lib/testing/wait-until";
import { RealWorker } from "./real-worker";

/** The guide's commands for users of upstream's code, run on Atlas by a real worker. */

const NOUNS = [
  "corpus",
  "evaluate",
  "index",
  "launch",
  "mirror",
  "predict",
  "questions",
  "upstream",
];
const guideCommands = listGuideCommands(
  readUpstreamGuide(),
  NOUNS.concat("checkpoint", "encoder", "model"),
);

const START_MS = 120_000;
/** What stands in the guide for things of the paper, and what there is of them on Atlas. */
const ON_ATLAS: readonly (readonly [of: string, here: string])[] = [
  ["s3-processed-data/test_e5_s3", "atlas/held-out"],
  ["wiki-18", "atlas"],
  ["searcher.model=NAME", "searcher.model=smollm2-135m-instruct"],
  ["DeepRetrieval/DeepRetrieval-NQ-BM25-3B", "smollm2-135m-instruct"],
  ["MODEL", "smollm2-135m-instruct"],
];
/** Two questions show what two hundred do, and BM25 encodes no corpus. */
export const SMALL = ["--limit", "2", "--set", "retriever.kind=bm25"];
/** A small model often does not stop. */
export const SHORT = [...SMALL, "--set", "methodSettings.maxTokens=16"];
/** Of a test that waits for runs; a busy machine takes many times as long as an idle one. */
export const RUNS_MS = 480_000;

export interface GuideRunner {
  folder: string;
  server: TestServer;
  /**
   * Runs a command of the guide.
   * @param places what its placeholders stand for, beside those of Atlas
   * @param more words behind it
   */
  run: (
    command: string,
    places?: Readonly<Record<string, string | readonly string[]>>,
    more?: readonly string[],
  ) => Promise<CliResult>;
  /** A command that the guide does not have. */
  s3: (...words: string[]) => Promise<CliResult>;
  stop: () => Promise<void>;
}

/** A server with a worker that may read a folder of its own. */
export async function startGuideRunner(): Promise<GuideRunner> {
  const folder = await mkdtemp(join(tmpdir(), "s3-guide-"));
  const server = await startTestServer({
    timings: { leaseMs: 60_000, offlineMs: 90_000, attachMs: 60_000 },
  });
  await importAtlas(server.plane, ATLAS_DIR, pino({ level: "silent" }));
  const { token } = await server.plane.workerTokens.create("guide", "test");
  process.env.S3_IMPORT_ROOTS = folder;
  const worker = new RealWorker({
    server: server.url,
    token,
    dataDir: join(folder, "worker"),
    name: "guide",
    restart: false,
  });
  await waitUntil(
    "the worker attaches",
    async () => (await server.plane.workerReader.list()).some(({ state }) => state === "online"),
    START_MS,
  );
  const s3 = (...words: string[]) => runCli(words, { S3_SERVER: server.address });
  return {
    folder,
    server,
    s3,
    run: (command, places = {}, more = []) => {
      if (!guideCommands.includes(command)) throw new Error(`The guide has no command ${command}.`);
      const words = command.split(" ").flatMap((word) => {
        const place = places[word];
        if (place !== undefined) return place;
        return ON_ATLAS.reduce((text, [of, here]) => text.replace(of, here), word).replace(
          /URL$/,
          () => (typeof places.URL === "string" ? places.URL : "URL"),
        );
      });
      return s3(...words, ...more);
    },
    stop: async () => {
      await worker.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Three passages as upstream's corpora have them. @returns the file, and the folder and parts of the same, packed and cut */
export async function writeCorpusFiles(
  folder: string,
): Promise<{ file: string; parts: [string, string] }> {
  const lines = ["heron", "otter", "viper"].map((animal, i) =>
    JSON.stringify({ id: `${i}`, contents: `"The ${animal}"\nThe ${animal} lives at river ${i}.` }),
  );
  const file = join(folder, "animals.jsonl");
  await writeFile(file, lines.join("\n"));
  const packed = gzipSync(lines.join("\n"));
  await mkdir(join(folder, "parts"));
  const parts: [string, string] = [
    join(folder, "parts", "part_aa"),
    join(folder, "parts", "part_ab"),
  ];
  await writeFile(parts[0], packed.subarray(0, 40));
  await writeFile(parts[1], packed.subarray(40));
  return { file, parts };
}
