import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { ROOT, SETUP_DIR } from "@/lib/paths.mjs";

const PROGRAM = fileURLToPath(new URL("./testing/encode-once.ts", import.meta.url));

it("ONNX Runtime keeps no number of this installation and no events to be sent", async () => {
  const home = await mkdtemp(join(tmpdir(), "s3-telemetry-"));
  try {
    // Nothing of this environment: where it says that this is a test, ONNX Runtime is silent anyway.
    const env = {
      NODE_ENV: "production" as const,
      PATH: process.env.PATH,
      HOME: home,
      XDG_CACHE_HOME: join(home, "cache"),
      S3_SETUP_DIR: SETUP_DIR,
    };
    await promisify(execFile)(process.execPath, ["--import", "tsx", PROGRAM], { cwd: ROOT, env });
    const files = await readdir(home, { recursive: true });
    expect(files.filter((file) => /onnxruntime|Microsoft/i.test(file))).toEqual([]);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
