import type { Readable } from "node:stream";
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  NoSuchKey,
  paginateListObjectsV2,
  S3Client,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { AppError } from "@/contracts/errors";
import type { ArtifactStore } from "./store";

const STORAGE_FULL_ERRORS = new Set([
  "XMinioStorageFull",
  "QuotaExceeded",
  "EntityTooLarge",
  "InsufficientStorage",
]);
const getErrorName = (error: unknown): string => (error instanceof Error ? error.name : "");

/**
 * Artifacts in an S3 bucket, or in any store that speaks its protocol. Credentials, region and endpoint come from the
 * usual AWS_* variables (AWS_ENDPOINT_URL for stores other than Amazon's).
 */
export class S3Store implements ArtifactStore {
  readonly kind = "s3";
  private readonly client: S3Client;

  /** @param prefix begins every key; empty or ending in a slash */
  constructor(
    private readonly bucket: string,
    private readonly prefix: string,
    config: S3ClientConfig = {},
  ) {
    // Stores other than Amazon's have no names for their buckets, and know nothing of the newer checksums.
    const other = process.env.AWS_ENDPOINT_URL !== undefined || config.endpoint !== undefined;
    this.client = new S3Client({
      ...(other && {
        forcePathStyle: true,
        requestChecksumCalculation: "WHEN_REQUIRED",
        responseChecksumValidation: "WHEN_REQUIRED",
      }),
      ...config,
    });
  }

  /** An object appears whole or not at all, in one part or several. */
  async put(name: string, bytes: Readable): Promise<void> {
    try {
      await new Upload({
        client: this.client,
        params: { Bucket: this.bucket, Key: this.prefix + name, Body: bytes },
      }).done();
    } catch (error) {
      if (STORAGE_FULL_ERRORS.has(getErrorName(error)))
        throw new AppError(
          "storage-full",
          `The bucket ${this.bucket} is full: ${name} could not be stored. Make room; the last committed checkpoint is untouched.`,
          { cause: error },
        );
      throw error;
    }
  }

  async read(name: string, start = 0): Promise<{ bytes: number; stream: Readable }> {
    try {
      const { Body, ContentLength } = await this.client.send(
        new GetObjectCommand({
          Bucket: this.bucket,
          Key: this.prefix + name,
          ...(start > 0 && { Range: `bytes=${start}-` }),
        }),
      );
      if (Body === undefined || ContentLength === undefined)
        throw new AppError("internal", `The bucket ${this.bucket} answered without ${name}.`);
      // In Node the body is a stream.
      return { bytes: start + ContentLength, stream: Body as Readable };
    } catch (error) {
      if (error instanceof NoSuchKey || getErrorName(error) === "NotFound")
        throw new AppError("not-found", `The artifact store has no file ${name}.`, {
          cause: error,
        });
      throw error;
    }
  }

  async remove(prefix: string): Promise<void> {
    for await (const page of paginateListObjectsV2(
      { client: this.client },
      { Bucket: this.bucket, Prefix: `${this.prefix}${prefix}/` },
    )) {
      const keys = (page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [{ Key }]));
      if (keys.length > 0)
        await this.client.send(
          new DeleteObjectsCommand({ Bucket: this.bucket, Delete: { Objects: keys, Quiet: true } }),
        );
    }
  }

  async list(): Promise<string[]> {
    const folders = new Set<string>();
    for await (const page of paginateListObjectsV2(
      { client: this.client },
      { Bucket: this.bucket, Prefix: this.prefix },
    )) {
      for (const { Key } of page.Contents ?? [])
        if (Key !== undefined)
          folders.add(Key.slice(this.prefix.length).split("/").slice(0, 3).join("/"));
    }
    return [...folders];
  }
}
