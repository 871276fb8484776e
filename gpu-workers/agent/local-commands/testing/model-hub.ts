import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { hashText } from "@/lib/hash";
import { listenLocally } from "@/lib/testing/listen-locally";

const hashGitBlob = (bytes: Buffer): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

/** What the hub holds of a model, by file name. */
export type HubRepository = Record<string, Buffer>;

/** A hub on this machine: the API of models, and their files behind a redirection, with ranges. */
export class ModelHub {
  /** Path and range of each request. */
  readonly requests: string[] = [];
  /** The authorization header of each request. */
  readonly authorizations: (string | undefined)[] = [];
  /** Commit that `main` is at. */
  commit = "a".repeat(40);
  /** Bytes after which the next answer of the weights breaks off. */
  cutAfter: number | null = null;
  /** The file of which the API names another checksum. */
  wrongChecksumOf: string | null = null;
  /** The token that opens the repository; null: it is open to everyone. */
  gatedBy: string | null = null;
  /** Of the model, as its repository holds it. */
  card: Record<string, unknown> = { license: "apache-2.0" };

  private constructor(
    private readonly server: Server,
    readonly endpoint: string,
    readonly id: string,
    public files: HubRepository,
  ) {}

  static async start(id: string, files: HubRepository): Promise<ModelHub> {
    const server = createServer();
    const address = await listenLocally(server);
    const hub = new ModelHub(server, address, id, files);
    server.on("request", (request, response) => hub.answer(request, response));
    return hub;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    const { authorization, range } = request.headers;
    this.requests.push(`${path} ${range ?? ""}`.trim());
    this.authorizations.push(authorization);
    const api = new RegExp(`^/api/models/${this.id}/revision/([^/?]+)\\?blobs=true$`).exec(path);
    if (api) {
      if (api[1] !== "main" && api[1] !== this.commit)
        return void response.writeHead(404, { "x-error-code": "RevisionNotFound" }).end();
      return void response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify(this.describe()));
    }
    // Without a token the hub does not say whether a repository exists.
    if (path.startsWith("/api/models/"))
      return void response.writeHead(401, { "x-error-code": "RepoNotFound" }).end();
    const resolved = new RegExp(`^/${this.id}/resolve/([0-9a-f]{40})/([^/]+)$`).exec(path);
    if (resolved) {
      if (resolved[1] !== this.commit)
        return void response.writeHead(404, { "x-error-code": "RevisionNotFound" }).end();
      if (this.gatedBy !== null && authorization !== `Bearer ${this.gatedBy}`)
        return void response
          .writeHead(authorization === undefined ? 401 : 403, { "x-error-code": "GatedRepo" })
          .end();
      return void response
        .writeHead(302, { location: `/cdn/${resolved[2]}`, "x-repo-commit": this.commit })
        .end();
    }
    this.sendFile(decodeURIComponent(path.replace("/cdn/", "")), request, response);
  }

  private sendFile(name: string, request: IncomingMessage, response: ServerResponse): void {
    const body = this.files[name];
    if (!body) return void response.writeHead(404).end();
    const etag = `"${hashText(body)}"`;
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
    const start = range !== undefined && request.headers["if-range"] === etag ? Number(range) : 0;
    const rest = body.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      etag,
      "content-length": rest.length,
      ...(start > 0 && { "content-range": `bytes ${start}-${body.length - 1}/${body.length}` }),
    });
    if (this.cutAfter === null || !name.endsWith(".safetensors")) return void response.end(rest);
    response.write(rest.subarray(0, this.cutAfter), () =>
      setTimeout(() => response.destroy(), 150),
    );
    this.cutAfter = null;
  }

  private describe(): object {
    return {
      id: this.id,
      sha: this.commit,
      gated: this.gatedBy === null ? false : "manual",
      cardData: this.card,
      siblings: Object.entries(this.files).map(([rfilename, bytes]) => {
        const isWrong = rfilename === this.wrongChecksumOf;
        const blobId = isWrong ? "0".repeat(40) : hashGitBlob(bytes);
        const large = { sha256: isWrong ? "0".repeat(64) : hashText(bytes), size: bytes.length };
        return {
          rfilename,
          size: bytes.length,
          blobId,
          ...(rfilename.endsWith(".safetensors") && { lfs: { ...large, pointerSize: 134 } }),
        };
      }),
    };
  }
}
