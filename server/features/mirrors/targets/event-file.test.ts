import { describe, expect, it } from "vitest";
import { computeCrc32c, encodeFileStart, encodePoints, maskCrc } from "./event-file";

/** Splits TFRecords by their lengths, and checks both checksums of each. */
function splitRecords(file: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < file.length;) {
    const length = Number(file.readBigUInt64LE(at));
    const data = file.subarray(at + 12, at + 12 + length);
    expect(file.readUInt32LE(at + 8)).toBe(maskCrc(computeCrc32c(file.subarray(at, at + 8))));
    expect(file.readUInt32LE(at + 12 + length)).toBe(maskCrc(computeCrc32c(data)));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

describe("event files", () => {
  it("has the checksum of the published check value, of nothing and of 32 zeros", () => {
    // RFC 3720, appendix B.4.
    expect(computeCrc32c(Buffer.from("123456789"))).toBe(0xe3069283);
    expect(computeCrc32c(Buffer.alloc(0))).toBe(0);
    expect(computeCrc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(maskCrc(0)).toBe(0xa282ead8);
  });

  it("writes what TensorFlow's own writer writes for a scalar", () => {
    const [record] = splitRecords(
      encodePoints([{ name: "reward/mean", step: 300, value: 0.5, at: 1_700_000_000_000 }]),
    );
    // wall_time 1.7e9, step 300, summary { value { tag: "reward/mean" simple_value: 0.5 } }
    expect(record!.toString("hex")).toBe(
      "0900000040fc54d941" +
        "10ac02" +
        "2a14" +
        "0a12" +
        "0a0b7265776172642f6d65616e" +
        "150000003f",
    );
  });

  it("begins with the version and the start of a session at step 0", () => {
    const [version, start] = splitRecords(encodeFileStart(0));
    expect(version!.subarray(9).toString("latin1")).toBe("\x1a\rbrain.Event:2");
    expect(start!.subarray(9).toString("hex")).toBe("1000" + "3a02" + "0801");
  });
});
