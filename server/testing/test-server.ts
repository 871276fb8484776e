import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import pino, { type Logger } from "pino";
import { inject } from "vitest";
import { FileStore } from "@/server/platform/artifacts/file-store";
import type { ArtifactStore } from "@/server/platform/artifacts/store";
import { addAccessSecret, ensureAccessSecret } from "@/lib/access.mjs";
import { compose, type ControlPlane } from "@/server/compose";
import { Access } from "@/server/http/access";
import { createHttpServer } from "@/server/http/server";
import type { Timings } from "@/server/platform/timings";
import { TestWorker } from "./test-worker";
import { TEMPLATE_DATABASE } from "./global-setup";

/** The real rules with short waits. */
export const FAST_TIMINGS: Timings = {
  leaseMs: 1_500,
  heartbeatMs: 100,
  offlineMs: 2_000,
  maintenanceMs: 50,
  removalMs: 3_000,
  taskMs: {
    query: 400,
    documents: 400,
    "dry-run": 400,
    "index-plan": 400,
    "corpus-preview": 400,
    "remove-corpus": 400,
    "turn-gains": 400,
    play: 400,
  },
  liveThrottleMs: 5,
  eventRetentionMs: 3_600_000,
  usageRetentionMs: 3_600_000,
  workerLogRetentionMs: 3_600_000,
  runLogRetentionMs: 3_600_000,
  deletedRunMs: 3_600_000,
  importedUploadMs: 3_600_000,
  unusedUploadMs: 3_600_000,
  externalSilenceMs: 3_600_000,
  attachMs: 10_000,
  poolMs: 100,
  poolRetryMs: 50,
};

export interface TestServer {
  plane: ControlPlane;
  url: string;
  /** The same with the secret, as people are given it. */
  address: string;
  /** What requests need to be let in. */
  headers: { authorization: string };
  /** Folder of the artifact store. */
  artifactsDir: string;
  timings: Timings;
  log: Logger;
  /** Attaches a worker with a token of its own; one of the same id as before with the same token. */
  worker(options?: {
    id?: string;
    name?: string;
    models?: string[];
    corpora?: string[];
    vllmGpus?: number;
    ranks?: number | null;
    commands?: boolean;
    tinker?: string;
  }): Promise<TestWorker>;
  stop(): Promise<void>;
}

/** Creates an empty database on the PostgreSQL of this test run. @returns its address */
export const createEmptyDatabase = (): Promise<string> => createDatabase("");

/** Creates a database with every migration applied: a copy of the template. @returns its address */
export const createMigratedDatabase = (): Promise<string> =>
  createDatabase(`TEMPLATE ${TEMPLATE_DATABASE}`);

async function createDatabase(options: string): Promise<string> {
  const base = inject("postgresUrl");
  const name = `t_${randomUUID().replaceAll("-", "")}`;
  const client = new pg.Client({ connectionString: base });
  await client.connect();
  await client.query(`CREATE DATABASE ${name} ${options}`);
  await client.end();
  return Object.assign(new URL(base), { pathname: `/${name}` }).toString();
}

/** The control plane behind real HTTP and WebSockets on a database of its own; without pages. */
export async function startTestServer(
  options: {
    timings?: Partial<Timings>;
    maxAttempts?: number;
    uploadLimitBytes?: number;
    store?: (directory: string) => ArtifactStore;
    /** A migrated database; by default a new one of this test run's PostgreSQL. */
    databaseUrl?: string;
    log?: Logger;
    mirrorWait?: (failures: number) => number;
  } = {},
): Promise<TestServer> {
  const databaseUrl = options.databaseUrl ?? (await createMigratedDatabase());
  const artifactsDir = await mkdtemp(join(tmpdir(), "s3-artifacts-"));
  const log = options.log ?? pino({ level: process.env.LOG_LEVEL ?? "silent" });
  const store = options.store?.(artifactsDir) ?? new FileStore(artifactsDir);
  const timings = { ...FAST_TIMINGS, ...options.timings };
  const plane = compose({
    databaseUrl,
    store,
    timings,
    maxAttempts: options.maxAttempts,
    uploadLimitBytes: options.uploadLimitBytes,
    log,
    dataDir: artifactsDir,
    mirrorWait: options.mirrorWait,
  });
  await plane.start();
  const secret = ensureAccessSecret(artifactsDir);
  const http = createHttpServer(plane, new Access(secret), null, log);
  const port = await http.listen(0, "127.0.0.1");
  const url = `http://127.0.0.1:${port}`;
  const workers: TestWorker[] = [];
  // A worker's id stays with its token.
  const tokens = new Map<string, string>();
  return {
    plane,
    url,
    address: addAccessSecret(url, secret),
    headers: { authorization: `Bearer ${secret}` },
    artifactsDir,
    timings,
    log,
    async worker({
      id = randomUUID(),
      name = "tester",
      models = ["smollm2-135m-instruct"],
      corpora = ["atlas"],
      vllmGpus,
      ranks,
      commands,
      tinker,
    } = {}) {
      const token = tokens.get(id) ?? (await plane.workerTokens.create(name, "test")).token;
      tokens.set(id, token);
      const worker = await TestWorker.attach({
        url,
        token,
        id,
        name,
        models,
        corpora,
        vllmGpus,
        ranks,
        commands,
        tinker,
      });
      workers.push(worker);
      return worker;
    },
    async stop() {
      for (const worker of workers) worker.disconnect();
      await http.close();
      await plane.stop();
      await rm(artifactsDir, { recursive: true, force: true });
    },
  };
}
