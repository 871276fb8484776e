import { expect, it } from "vitest";
import { askIsolated, type IsolatedLimits, runIsolated } from "./isolated-process";

const LIMITS: IsolatedLimits = { memoryBytes: 400 * 2 ** 20, silenceMs: 20_000 };

const buildOptions = (does: string, n = 0, limits: Partial<IsolatedLimits> = {}) => ({
  program: new URL("./testing/isolated-work.ts", import.meta.url),
  request: { does, n },
  getSubject: () => "x.bin",
  limits: { ...LIMITS, ...limits },
  toError: ({ code, message }: { code: string; message: string }) =>
    Object.assign(new Error(message), { code }),
});

async function collect(options: ReturnType<typeof buildOptions>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const answer of runIsolated(options)) all.push(answer);
  return all;
}

it("gives every answer in order, and values as they are", async () => {
  expect(await collect(buildOptions("count", 500))).toEqual(
    Array.from({ length: 500 }, (_, i) => i),
  );
  expect(await askIsolated(buildOptions("values"))).toEqual([
    1n,
    Number.NaN,
    Buffer.from("ü"),
    "\ud800",
    undefined,
  ]);
});

it("hands on what the work throws, and says how a process died", async () => {
  await expect(collect(buildOptions("refuse"))).rejects.toMatchObject({
    code: "not-found",
    message: "no such thing",
  });
  await expect(collect(buildOptions("die"))).rejects.toThrow(
    "x.bin cannot be read: its reader ended with exit code 3",
  );
});

it("ends a process that loops", async () => {
  const answers = runIsolated(buildOptions("hang", 0, { silenceMs: 4000 }));
  expect((await answers.next()).value).toBe("begun");
  await expect(answers.next()).rejects.toThrow("x.bin cannot be read: nothing came of it for 4 s");
});

it(
  "ends a process whose buffers or objects pass the limit of memory",
  { tags: "long" },
  async () => {
    for (const does of ["inflate", "heap"])
      await expect(collect(buildOptions(does, does === "heap" ? 5e7 : 200))).rejects.toMatchObject({
        code: "invalid-input",
        message: expect.stringContaining("needs more than 0.4 GiB of memory") as string,
      });
    expect(await askIsolated(buildOptions("inflate", 4))).toBe(4);
  },
);

it("ends with its signal, and is not silent while nobody takes its answers", async () => {
  const abort = new AbortController();
  const answers = runIsolated({
    ...buildOptions("count", 50, { silenceMs: 6_000 }),
    signal: abort.signal,
  });
  await answers.next();
  await new Promise((resolve) => setTimeout(resolve, 7_000));
  expect((await answers.next()).value).toBe(1);
  abort.abort(new Error("stopped"));
  await expect(answers.next()).rejects.toThrow("stopped");
});

it("tells the process no secrets", async () => {
  process.env.SOME_API_KEY = "secret";
  expect(await askIsolated(buildOptions("environment"))).not.toContain("SOME_API_KEY");
});
