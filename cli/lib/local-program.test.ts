import { describe, expect, it } from "vitest";
import { runCli } from "@/cli/testing/run-cli";

/** Nothing listens there: these commands need no server. */
const NO_SERVER = { S3_SERVER: "http://127.0.0.1:9" };

describe("a command of the worker's program", { timeout: 60_000 }, () => {
  it("shows the program's help", async () => {
    const { code, out } = await runCli(["encoder", "fetch", "--help"], NO_SERVER);
    expect(out).toContain("--hub <url>");
    expect(code).toBe(0);
  });

  it("fails with the program's error and exit code", async () => {
    const words = ["corpus", "push", "nowhere", "--to", "qdrant", "--url", "http://127.0.0.1:9"];
    const { code, error } = await runCli(words, NO_SERVER);
    expect(error).toContain('The corpus "nowhere" is not on this worker');
    expect(code).toBe(1);
  });
});
