import { join } from "node:path";
import next from "next";
import pino from "pino";
import { z } from "zod";
import { providePageApi } from "@/contracts/api/page-api";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { ATLAS_DIR, DATA_DIR, resolveInRoot, ROOT } from "@/lib/paths.mjs";
import { ensureAccessSecret } from "@/lib/access.mjs";
import { openLogOutput } from "@/lib/log-output";
import { exitWithParent, sendHeartbeats } from "@/lib/parent-watchdog";
import { createArtifactStore } from "./platform/artifacts/create-store";
import { loadExample } from "./features/example/load-example";
import { importAtlas } from "./features/question-sets/atlas";
import { compose } from "./compose";
import { exitOnUncaught } from "./exit-on-uncaught";
import { migrate } from "./platform/db/migrate";
import { Access } from "./http/access";
import { collectWhenIdle } from "./http/collect-when-idle";
import { requireLoopback } from "./http/guard";
import { setPagePolicy } from "./http/response-headers";
import { createHttpServer, type Pages } from "./http/server";
import { listStaticFiles } from "./http/static-files";
import { ensureLocalWorkerToken } from "./features/workers/local-worker-token";
import { DEFAULT_TIMINGS } from "./platform/timings";
import { createPageApi } from "./http/page-api";

const environmentSchema = z.object({
  DATABASE_URL: z
    .string({
      error:
        "is missing: `npm start` sets it to the embedded PostgreSQL; set it yourself to use another",
    })
    .regex(/^postgres(ql)?:\/\//, "must be a postgresql:// address"),
  HOST: z.string().default("127.0.0.1"),
  PORT: z.coerce.number().int().min(0).max(65_535).default(3000),
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error"]).default("info"),
  /** s3://bucket/prefix or file:///folder; empty: the data directory. */
  S3_ARTIFACTS: z.string().optional(),
  /** Largest file that may be uploaded, in GiB. */
  S3_UPLOAD_LIMIT_GIB: z.coerce.number().positive().default(20),
  /** Whether a new database begins with the example: `npm start` says so for the embedded one. */
  S3_EXAMPLE: z.enum(["yes", "no"]).default("no"),
  S3_MAX_ATTEMPTS: z.coerce.number().int().min(1).optional(),
  NODE_ENV: z.string().optional(),
});

async function main(): Promise<void> {
  // What this process writes is for its user alone.
  process.umask(0o077);
  const env = parseOrThrow(environmentSchema, process.env, "The environment");
  // Nothing that is logged holds a token, an address with a password or a request's headers.
  const log = pino(
    {
      level: env.LOG_LEVEL,
      redact: ["*.authorization", "*.token", "*.password"],
      serializers: { error: pino.stdSerializers.err },
    },
    openLogOutput(),
  );
  requireLoopback(env.HOST);
  sendHeartbeats();

  const artifactsDir = join(DATA_DIR, "artifacts");
  if (env.S3_EXAMPLE === "yes" && (await loadExample(env.DATABASE_URL, artifactsDir)))
    log.info("the example was loaded into the new database");
  const applied = await migrate(env.DATABASE_URL);
  if (applied.length > 0) log.info({ migrations: applied }, "the database was brought up to date");

  const plane = compose({
    databaseUrl: env.DATABASE_URL,
    store: await createArtifactStore(env.S3_ARTIFACTS, artifactsDir),
    timings: DEFAULT_TIMINGS,
    maxAttempts: env.S3_MAX_ATTEMPTS,
    uploadLimitBytes: env.S3_UPLOAD_LIMIT_GIB * 1024 ** 3,
    log,
  });
  await importAtlas(plane, ATLAS_DIR, log);
  await ensureLocalWorkerToken(plane.workerTokens, DATA_DIR);
  await plane.start();

  const dev = env.NODE_ENV !== "production";
  const pages = await createPages(dev);
  exitOnUncaught(log);
  const access = new Access(ensureAccessSecret(DATA_DIR));
  providePageApi(createPageApi(plane, access));
  const http = createHttpServer(plane, access, pages, log);
  collectWhenIdle(http.server);

  let stopping = false;
  const stop = (code: number): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(code), 5_000).unref();
    void (async () => {
      await http.close();
      await plane.stop();
      process.exit(code);
    })();
  };
  process.on("SIGTERM", () => stop(0));
  process.on("SIGINT", () => stop(0));
  exitWithParent(() => stop(1));

  const port = await http.listen(env.PORT, env.HOST);
  log.info(
    { address: `http://${env.HOST.includes(":") ? `[${env.HOST}]` : env.HOST}:${port}` },
    "listening",
  );
}

async function createPages(dev: boolean): Promise<Pages> {
  const app = next({ dev, dir: ROOT });
  await app.prepare();
  const handle = app.getRequestHandler();
  const pages: Pages = {
    handle(request, response) {
      setPagePolicy(request, response, dev);
      return handle(request, response);
    },
  };
  if (dev) pages.upgrade = app.getUpgradeHandler();
  else pages.files = await listStaticFiles(resolveInRoot(".next", "static"));
  return pages;
}

main().catch((error: unknown) => {
  process.stderr.write(
    `The server could not start. ${error instanceof AppError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(1);
});
