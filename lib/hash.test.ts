import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { buffer } from "node:stream/consumers";
import { expect, it } from "vitest";
import { hashText, HashingStream, isSameSecret } from "./hash";

it("passes bytes on with their number and sha256", async () => {
  const stream = Readable.from([Buffer.from("ab"), Buffer.from("c")]).pipe(new HashingStream());
  expect((await buffer(stream)).toString()).toBe("abc");
  expect([stream.bytes, stream.digest()]).toEqual([3, hashText("abc")]);
});

it("ends where a check throws", async () => {
  const refuse = (bytes: number): void => {
    if (bytes > 2) throw new Error("too large");
  };
  const stream = new HashingStream(refuse);
  await expect(
    pipeline(Readable.from([Buffer.from("abc")]), stream, (source: AsyncIterable<Buffer>) =>
      buffer(source),
    ),
  ).rejects.toThrow("too large");
});

it("an error before anybody reads does not end the process", async () => {
  const stream = new HashingStream();
  stream.destroy(new Error("cut"));
  await new Promise((resolve) => setImmediate(resolve));
  await expect(buffer(stream)).rejects.toThrow();
});

it("tells a secret from others, whatever their length", () => {
  expect(isSameSecret("s3-secret", "s3-secret")).toBe(true);
  for (const wrong of ["", "s3-secre", "s3-secret ", "S3-secret"])
    expect(isSameSecret(wrong, "s3-secret"), wrong).toBe(false);
});
