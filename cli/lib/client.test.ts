import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ensureAccessSecret } from "@/lib/access.mjs";
import { takeLock } from "@/lib/lock.mjs";
import { connect } from "./client";

const DATA = vi.hoisted(() => `/tmp/s3-client-${process.pid}`);
vi.mock(import("@/lib/paths.mjs"), async (original) => ({ ...(await original()), DATA_DIR: DATA }));

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(DATA, { recursive: true, force: true });
});
const open = (address?: string) => {
  const { close, ...connection } = connect(address);
  close();
  return connection;
};

describe("the command line's secret", () => {
  it("is that of the address or of S3_TOKEN, and is in no address that is shown", () => {
    expect(open("https://box.example/?token=abc")).toMatchObject({
      server: "https://box.example",
      headers: { authorization: "Bearer abc" },
    });
    vi.stubEnv("S3_TOKEN", "def");
    expect(open("https://box.example").secret).toBe("def");
  });

  it("of the data folder goes to this machine alone, and to the folder's server where it runs", () => {
    expect(open("http://127.0.0.1:3000").secret).toBeNull();
    const secret = ensureAccessSecret(DATA);
    expect(open().secret).toBe(secret);
    for (const address of ["http://127.0.0.1:3100", "http://localhost:3000", "http://[::1]:3000"])
      expect(open(address).secret).toBe(secret);
    for (const address of [
      "http://box.example:3000",
      "http://127.0.0.1.example",
      "http://10.0.0.1",
    ])
      expect(open(address).headers).toEqual({});
    const lock = takeLock(join(DATA, "supervisor.lock"), { url: "http://127.0.0.1:3200" });
    expect(open()).toMatchObject({ server: "http://127.0.0.1:3200", secret });
    expect(open("http://127.0.0.1:3100").secret).toBeNull();
    if (!lock.isTaken) lock.release();
  });
});
