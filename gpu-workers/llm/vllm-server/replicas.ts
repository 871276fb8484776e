import { AppError } from "@/contracts/errors";
import { hashJson } from "@/lib/hash";
import type { CompletionRequest, TokenCompletion, VllmClient } from "./client";

/** Requests at once at one server. vLLM queues what it cannot batch, so more connections would not make it faster. */
const MAX_CONCURRENT_REQUESTS = 256;

/** So many requests more than at the idlest server are borne for the sake of a prefix that a server has in its cache. */
const AFFINITY_SLACK = 16;

/** A server, and what it is asked at the moment. */
class Replica {
  /** Requests that it was given and that have not ended. */
  load = 0;
  private readonly waiting: (() => void)[] = [];
  private active = 0;

  constructor(readonly client: VllmClient) {}

  async complete(request: CompletionRequest, signal: AbortSignal): Promise<TokenCompletion[]> {
    this.load += 1;
    try {
      if (this.active >= MAX_CONCURRENT_REQUESTS)
        await new Promise<void>((resolve) => this.waiting.push(resolve));
      else this.active += 1;
      try {
        return await this.client.complete(request, signal);
      } finally {
        const next = this.waiting.shift();
        if (next) next();
        else this.active -= 1;
      }
    } finally {
      this.load -= 1;
    }
  }
}

/**
 * Servers of one model with equal weights, among which requests are spread. An episode stays at one server, which has
 * read its earlier turns; a new one goes where its first prompt was read before, as it was for the other samples of its
 * question, unless that server has more to do than the idlest by `AFFINITY_SLACK`; else to the idlest.
 */
export class VllmReplicas {
  private readonly replicas: readonly Replica[];
  /** Where a session, or a first prompt by its hash, is read. */
  private readonly places = new Map<string, Replica>();

  constructor(clients: readonly VllmClient[]) {
    if (clients.length === 0) throw new AppError("internal", "There is no vLLM server.");
    this.replicas = clients.map((client) => new Replica(client));
  }

  get clients(): readonly VllmClient[] {
    return this.replicas.map(({ client }) => client);
  }

  /** @param session of the episode that the prompt is of; null: it stands alone */
  complete(
    request: CompletionRequest,
    session: string | null,
    signal: AbortSignal,
  ): Promise<TokenCompletion[]> {
    return this.choose(request.prompt, session).complete(request, signal);
  }

  /** Forgets where episodes that have ended are read. */
  endSessions(sessions: readonly string[]): void {
    for (const session of sessions) this.places.delete(session);
  }

  /** Forgets all: what the servers have cached is of other weights. */
  forgetPlaces(): void {
    this.places.clear();
  }

  private choose(prompt: readonly number[], session: string | null): Replica {
    const [first] = this.replicas;
    if (this.replicas.length === 1) return first!;
    const known = session === null ? undefined : this.places.get(session);
    if (known) return known;
    const prefix = `prompt ${hashJson(prompt)}`;
    const idlest = this.replicas.reduce((best, next) => (next.load < best.load ? next : best));
    const cached = this.places.get(prefix);
    const chosen = cached && cached.load <= idlest.load + AFFINITY_SLACK ? cached : idlest;
    this.places.set(prefix, chosen);
    if (session !== null) this.places.set(session, chosen);
    return chosen;
  }
}
