import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";

describe("a command whose output nobody reads to its end", () => {
  it("ends without a stack trace", async () => {
    const child = spawn(process.execPath, ["--import", "tsx", "cli/main.ts", "--help"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.destroy();
    let error = "";
    child.stderr.on("data", (chunk: Buffer) => (error += chunk.toString()));
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect({ code, error }).toEqual({ code: 0, error: "" });
  });
});
