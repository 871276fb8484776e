import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { AppError } from "@/contracts/errors";
import { hasErrorCode } from "@/lib/errors";

/** Binary files of an index, written and read in sequence by the index threads, which may block. Little-endian. */

const FLUSH_BYTES = 1 << 20;
/** One call to the system takes at most 2 GiB. */
const CALL_BYTES = 1 << 28;

export const viewBytes = (array: Uint32Array | Uint8Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** `count` rounded up to the next multiple of 4, so that 32-bit numbers stay aligned. */
export const alignTo4 = (count: number): number => Math.ceil(count / 4) * 4;

/** Writes a file from its start, in large pieces. */
export class FileWriter {
  private readonly file: number;
  private readonly buffer = new Uint8Array(FLUSH_BYTES);
  private used = 0;
  private flushed = 0;

  constructor(private readonly path: string) {
    this.file = openSync(path, "w");
  }

  /** Bytes written so far. */
  get position(): number {
    return this.flushed + this.used;
  }

  write(bytes: Uint8Array): void {
    if (bytes.length > FLUSH_BYTES - this.used) this.flush();
    if (bytes.length > FLUSH_BYTES) {
      this.writeAll(bytes);
      return;
    }
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
  }

  /** Zeros up to the next multiple of 4. */
  align(): void {
    this.write(new Uint8Array(alignTo4(this.position) - this.position));
  }

  /** Waits until all is on the disk; answers the size in bytes. */
  finish(): number {
    this.flush();
    try {
      fsyncSync(this.file);
    } catch (cause) {
      throw this.toWriteError(cause);
    }
    closeSync(this.file);
    return this.flushed;
  }

  private flush(): void {
    const part = this.buffer.subarray(0, this.used);
    this.used = 0;
    this.writeAll(part);
  }

  private writeAll(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length;)
        at += writeSync(this.file, bytes, at, Math.min(bytes.length - at, CALL_BYTES));
    } catch (cause) {
      throw this.toWriteError(cause);
    }
    this.flushed += bytes.length;
  }

  private toWriteError(cause: unknown): unknown {
    if (hasErrorCode(cause, "ENOSPC"))
      return new AppError("storage-full", `the disk is full: ${this.path} could not be written`, {
        cause,
      });
    return cause;
  }
}

/** A file opened for reading anywhere in it. */
export class FileReader {
  private readonly file: number;
  readonly size: number;

  constructor(private readonly path: string) {
    this.file = openSync(path, "r");
    this.size = fstatSync(this.file).size;
  }

  /** Fills `into` from the given position. Throws `invalid-input` where the file ends before. */
  readInto(into: Uint8Array, position: number): void {
    for (let at = 0; at < into.length;) {
      const read = readSync(
        this.file,
        into,
        at,
        Math.min(into.length - at, CALL_BYTES),
        position + at,
      );
      if (read === 0)
        throw new AppError(
          "invalid-input",
          `${this.path} ends after ${this.size} bytes, in the middle of its data`,
        );
      at += read;
    }
  }

  /** `length` bytes in a buffer of their own. */
  read(position: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    this.readInto(bytes, position);
    return bytes;
  }

  /** `count` 32-bit numbers. */
  readUint32(position: number, count: number): Uint32Array<ArrayBuffer> {
    return new Uint32Array(this.read(position, count * 4).buffer);
  }

  close(): void {
    closeSync(this.file);
  }
}
