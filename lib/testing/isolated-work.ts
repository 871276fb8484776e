/** Work for the test of isolated-process.ts, by the name of what it does. */
export default async function* work({
  does,
  n,
}: {
  does: string;
  n: number;
}): AsyncGenerator<unknown> {
  switch (does) {
    case "count":
      for (let i = 0; i < n; i++) {
        process.stderr.write(`${i}\n`);
        yield i;
      }
      return;
    case "values":
      yield [1n, Number.NaN, Buffer.from("ü"), "\ud800", undefined];
      return;
    case "hang":
      yield "begun";
      for (;;);
    case "inflate": {
      // Buffers, which no limit of the heap counts.
      const kept: Buffer[] = [];
      for (let i = 0; i < n; i++) kept.push(Buffer.alloc(16 * 2 ** 20, 1));
      yield kept.length;
      return;
    }
    case "heap": {
      const kept: unknown[] = [];
      for (let i = 0; i < n; i++) kept.push({ i: `${i}`, more: [i] });
      yield kept.length;
      return;
    }
    case "environment":
      yield Object.keys(process.env);
      return;
    case "refuse":
      throw Object.assign(new Error("no such thing"), { code: "not-found" });
    default:
      await Promise.resolve();
      process.exit(3);
  }
}
