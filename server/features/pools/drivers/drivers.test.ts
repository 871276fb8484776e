import { describe, expect, it } from "vitest";
import { runProgram, runShell, quoteWord } from "./shell";
import { parseClusters } from "./skypilot";
import { parseQueue } from "./slurm";

describe("what schedulers write", () => {
  it("reads squeue's lines by state, and of two jobs of a name the one that lives", () => {
    const queue = parseQueue(
      [
        "s3-a|PENDING|Resources|N/A|N/A",
        "s3-b|RUNNING|None|1700000000|1700003600",
        "s3-c|NODE_FAIL|None|1700000000|1700000009",
        "s3-d|COMPLETED|None|1700000000|1700000009",
        "s3-e|COMPLETED|None|1700000000|1700000009",
        "s3-e|PENDING|Dependency|N/A|N/A",
        "s3-f|CANCELLED|None|1700000000|1700000000",
        "",
      ].join("\n"),
    );
    const startedAt = new Date(1_700_000_000_000);
    expect(Object.fromEntries(queue)).toEqual({
      "s3-a": { phase: "queued", detail: "PENDING (Resources)" },
      "s3-b": { phase: "running", detail: "RUNNING", startedAt },
      "s3-c": { phase: "failed", detail: "NODE_FAIL", startedAt },
      "s3-d": { phase: "ended", detail: "COMPLETED", startedAt },
      "s3-e": { phase: "queued", detail: "PENDING (Dependency)" },
      "s3-f": { phase: "ended", detail: "CANCELLED" },
    });
  });

  it("reads what sky writes, also after its own lines, and refuses what is no list", () => {
    const clusters = `Enabled clouds: ...\n${JSON.stringify(
      [
        { name: "s3-a", status: "INIT", init_status_reason: "launching", launched_at: 5 },
        { name: "s3-b", status: "UP", launched_at: 1_700_000_000 },
      ],
      null,
      2,
    )}`;
    expect(Object.fromEntries(parseClusters(clusters))).toEqual({
      "s3-a": { phase: "queued", detail: "INIT: launching" },
      "s3-b": { phase: "running", detail: "UP", startedAt: new Date(1_700_000_000_000) },
    });
    expect(() => parseClusters("No clusters")).toThrow(/The answer of sky status/);
  });
});

describe("programs of schedulers", () => {
  it("get little of the server's environment, and what they are given on standard input", async () => {
    process.env.S3_SECRET_OF_THE_SERVER = "sesame";
    const said = await runShell("env; cat", {
      host: "",
      input: "given",
      environment: { ONE: "1" },
    });
    delete process.env.S3_SECRET_OF_THE_SERVER;
    expect(said).not.toContain("sesame");
    expect(said).toContain("ONE=1");
    expect(said).toMatch(/given$/);
  });

  it("fail with what they wrote, or that they are not there, or do not end", async () => {
    await expect(runShell("echo no partition >&2; exit 3", { host: "" })).rejects.toThrow(
      "sh ended with code 3: no partition",
    );
    await expect(runProgram("no-such-program", [])).rejects.toThrow(
      "There is no program no-such-program on this machine.",
    );
    await expect(runShell("sleep 60 & sleep 60", { host: "", timeoutMs: 200 })).rejects.toThrow(
      "sh did not end within 0.2 s.",
    );
  });

  it("takes any text as one word", async () => {
    const text = `a'b"c $(id) \\ \n d`;
    expect(await runShell(`printf %s ${quoteWord(text)}`, { host: "" })).toBe(text);
  });
});
