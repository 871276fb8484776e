import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { AppError } from "@/contracts/errors";
import { PYTHON } from "@/lib/paths.mjs";
import { EngineProcess } from "./process";

if (!existsSync(PYTHON)) console.warn(`skipped: ${PYTHON} is not installed (run the setup)`);

describe.skipIf(!existsSync(PYTHON))("an engine that lives but does not move", () => {
  it("is noticed and ended with a word, and so are those who wait for it", async () => {
    let report: (error: AppError) => void = () => undefined;
    const reported = new Promise<AppError>((resolve) => (report = resolve));
    const engine = await EngineProcess.start({ hangMilliseconds: 3_000, onUnexpectedExit: report });
    process.kill(engine.pid ?? 0, "SIGSTOP");
    const waiting = engine.client.getMemory().catch((error: unknown) => error);
    expect((await reported).message).toMatch(/did not answer any more and was killed/);
    expect(await waiting).toMatchObject({ code: "engine-unavailable" });
    expect(engine.isRunning).toBe(false);
  });
});
