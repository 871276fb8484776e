"use client";
import { skipToken, useQuery } from "@tanstack/react-query";
import { BarChart3, History, Plus, Search, X } from "lucide-react";
import Link from "next/link";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { formatAgo } from "@/app/_lib/format";
import {
  DEPTHS,
  readPlaygroundParams,
  MAX_COLUMNS,
  buildPlaygroundHref,
  writePlaygroundParams,
  type PlaygroundState,
} from "@/app/_lib/playground-link";
import { RETRIEVER_PRESETS } from "@/app/_lib/retriever";
import { useTRPC } from "@/app/_lib/trpc";
import { useNow } from "@/app/_lib/use-now";
import { useQueryParams } from "@/app/_lib/use-params";
import { Button } from "@/app/_ui/button";
import { CopyButton } from "@/app/_ui/copy-button";
import { Input, Select } from "@/app/_ui/field";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";
import { EmptyState } from "@/app/_ui/states";
import { MAX_QUERY, searchesLocally } from "@/contracts/run-config/retriever";
import { Columns } from "./columns";
import { useQueryHistory } from "./history";

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));

/** One query against up to four retrievers. The address is the state: whatever is changed is asked at once. */
export function PlaygroundView() {
  const [params, setParams] = useQueryParams();
  const { state, problem } = useMemo(() => readPlaygroundParams(params), [params]);
  // Counts searches, so that the same query can be asked again.
  const [asked, setAsked] = useState(0);
  const history = useQueryHistory();
  const change = useCallback(
    (next: Partial<PlaygroundState>) => setParams(writePlaygroundParams({ ...state, ...next })),
    [setParams, state],
  );

  const search = (query: string) => {
    const next = { ...state, query: query.trim() };
    change(next);
    setAsked((n) => n + 1);
    if (next.query !== "")
      history.add({
        query: next.query.slice(0, MAX_QUERY),
        href: buildPlaygroundHref(next),
        at: Date.now(),
      });
  };

  return (
    <>
      <header className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <h1 className="text-lg font-semibold">Playground</h1>
        <Button variant="ghost" size="sm" asChild>
          <Link href="/retrieval">
            <BarChart3 /> Measure retrievers
          </Link>
        </Button>
      </header>
      <QueryBar key={state.query} query={state.query} onSearch={search} />
      <div className="mt-2 flex flex-wrap items-center gap-2">
        <CorpusSelect corpus={state.corpus} onChange={(corpus) => change({ corpus })} />
        <label className="flex items-center gap-1.5 text-xs text-muted-foreground">
          Documents
          <Select
            aria-label="Documents (k)"
            className="w-auto"
            value={state.k}
            onChange={(e) => change({ k: Number(e.target.value) })}
          >
            {[...new Set([...DEPTHS, state.k])]
              .sort((a, b) => a - b)
              .map((k) => (
                <option key={k}>{k}</option>
              ))}
          </Select>
        </label>
        <WorkerSelect state={state} onChange={(worker) => change({ worker })} />
        <AddRetriever
          disabled={state.retrievers.length >= MAX_COLUMNS}
          onAdd={(config) => change({ retrievers: [...state.retrievers, config] })}
        />
        <div className="ml-auto flex items-center gap-1">
          <HistoryMenu history={history} />
          <PermalinkButton state={state} />
        </div>
      </div>
      {problem ? (
        <p role="alert" className="mt-3 rounded-md bg-warn-soft px-3 py-2 text-xs text-warn">
          {problem}
        </p>
      ) : null}
      {state.episode ? (
        <EpisodeNote
          id={state.episode}
          corpus={state.corpus}
          onClose={() => change({ episode: null })}
        />
      ) : null}
      <Columns state={state} asked={asked} onChange={change} />
    </>
  );
}

function QueryBar({ query, onSearch }: { query: string; onSearch: (query: string) => void }) {
  const [text, setText] = useState(query);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (
        event.key !== "/" ||
        event.metaKey ||
        event.ctrlKey ||
        event.altKey ||
        isTyping(event.target)
      )
        return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return (
    <form
      role="search"
      className="mt-4 flex gap-2"
      onSubmit={(e) => {
        e.preventDefault();
        if (text.trim() !== "") onSearch(text);
      }}
    >
      <label className="relative min-w-0 flex-1">
        <Search
          className="pointer-events-none absolute top-2.5 left-3 size-4 text-muted-foreground"
          aria-hidden
        />
        <Input
          ref={input}
          aria-label="Query"
          aria-keyshortcuts="/"
          placeholder="A query, as a searcher would write it"
          autoComplete="off"
          className="h-9 pr-9 pl-9"
          value={text}
          onChange={(e) => setText(e.target.value)}
        />
        <kbd
          aria-hidden
          className="pointer-events-none absolute top-2 right-2.5 hidden rounded border px-1.5 font-mono text-2xs text-muted-foreground sm:block"
        >
          /
        </kbd>
      </label>
      <Button type="submit" variant="primary" className="h-9" disabled={text.trim() === ""}>
        <Search /> Search
      </Button>
    </form>
  );
}

function CorpusSelect({
  corpus,
  onChange,
}: {
  corpus: string;
  onChange: (corpus: string) => void;
}) {
  const trpc = useTRPC();
  const corpora = useQuery(trpc.catalogue.corpora.queryOptions());
  const workers = useQuery(trpc.workers.list.queryOptions());
  const names = [
    ...new Set([
      corpus,
      ...(corpora.data?.map((c) => c.name) ?? []),
      ...(workers.data?.flatMap((w) => w.capabilities.corpora) ?? []),
    ]),
  ].sort();
  return (
    <label className="flex items-center gap-1.5 text-xs text-muted-foreground">
      Corpus
      <Select
        aria-label="Corpus"
        className="w-auto max-w-48"
        value={corpus}
        onChange={(e) => onChange(e.target.value)}
      >
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </Select>
    </label>
  );
}

/** Which machine searches: any that can, or one by name. Those that lack the corpus say so. */
function WorkerSelect({
  state,
  onChange,
}: {
  state: PlaygroundState;
  onChange: (worker: string | null) => void;
}) {
  const trpc = useTRPC();
  const workers = useQuery(trpc.workers.list.queryOptions());
  const online = workers.data?.filter((w) => w.state === "online") ?? [];
  const local = state.retrievers.some(searchesLocally);
  const gone =
    state.worker !== null &&
    workers.data !== undefined &&
    !online.some((w) => w.id === state.worker);
  return (
    <label className="flex items-center gap-1.5 text-xs text-muted-foreground">
      Worker
      <Select
        aria-label="Worker"
        className="w-auto max-w-56"
        value={state.worker ?? ""}
        onChange={(e) => onChange(e.target.value || null)}
      >
        <option value="">any that can</option>
        {gone ? <option value={state.worker ?? ""}>one that is offline</option> : null}
        {online.map((w) => (
          <option key={w.id} value={w.id}>
            {w.name}
            {local && !w.capabilities.corpora.includes(state.corpus)
              ? ` (without ${state.corpus})`
              : ""}
          </option>
        ))}
      </Select>
    </label>
  );
}

function AddRetriever({
  disabled,
  onAdd,
}: {
  disabled: boolean;
  onAdd: (config: PlaygroundState["retrievers"][number]) => void;
}) {
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button
          disabled={disabled}
          title={disabled ? `At most ${MAX_COLUMNS} side by side` : undefined}
        >
          <Plus /> Add a retriever
        </Button>
      </MenuTrigger>
      <MenuContent align="start">
        {RETRIEVER_PRESETS.map((preset) => (
          <MenuItem key={preset.label} onSelect={() => onAdd(preset.config)}>
            {preset.label}
          </MenuItem>
        ))}
      </MenuContent>
    </Menu>
  );
}

function HistoryMenu({ history }: { history: ReturnType<typeof useQueryHistory> }) {
  const now = useNow();
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button variant="ghost" size="sm">
          <History /> History
        </Button>
      </MenuTrigger>
      <MenuContent className="max-h-80 w-80 max-w-[calc(100vw-2rem)] overflow-y-auto">
        {history.entries.length === 0 ? (
          <p className="px-2 py-3 text-center text-xs text-muted-foreground">
            Queries that you ask in this browser appear here.
          </p>
        ) : null}
        {history.entries.map((entry) => (
          <MenuItem key={entry.href} asChild>
            <Link href={entry.href}>
              <span className="min-w-0 flex-1 truncate">{entry.query}</span>
              <span className="shrink-0 text-2xs text-muted-foreground">
                {formatAgo(entry.at, now)}
              </span>
            </Link>
          </MenuItem>
        ))}
        {history.entries.length > 0 ? (
          <MenuItem
            className="mt-1 border-t text-xs text-muted-foreground"
            onSelect={history.clear}
          >
            <X /> Forget all
          </MenuItem>
        ) : null}
      </MenuContent>
    </Menu>
  );
}

function PermalinkButton({ state }: { state: PlaygroundState }) {
  const origin = typeof window === "undefined" ? "" : window.location.origin;
  return (
    <CopyButton
      size="sm"
      variant="ghost"
      text={`${origin}${buildPlaygroundHref(state)}`}
      label="Copy link"
    />
  );
}

/** Whose query this is, and which documents are marked as gold. */
function EpisodeNote({ id, corpus, onClose }: { id: string; corpus: string; onClose: () => void }) {
  const trpc = useTRPC();
  const episode = useQuery(trpc.episodes.get.queryOptions(id ? { id } : skipToken));
  const detail = episode.data;
  return (
    <div
      className="mt-3 flex items-start gap-3 rounded-md border bg-card px-3 py-2 text-xs"
      data-testid="episode-note"
    >
      <p className="min-w-0 flex-1">
        {episode.isError ? (
          <span className="text-bad">The episode could not be read: {episode.error.message}</span>
        ) : !detail ? (
          <span className="text-muted-foreground">Reading the episode</span>
        ) : (
          <>
            <span className="text-muted-foreground">From </span>
            <Link
              href={`/runs/${detail.runId}/episodes/${detail.id}`}
              className="font-medium text-primary hover:underline"
            >
              {detail.question.question}
            </Link>
            <span className="text-muted-foreground">
              {detail.question.goldIds.length === 0
                ? " The question names no gold documents."
                : detail.corpus === corpus
                  ? ` Its ${detail.question.goldIds.length} gold documents are marked.`
                  : ` Its gold documents are of the corpus ${detail.corpus}.`}
            </span>
          </>
        )}
      </p>
      <Button
        variant="ghost"
        size="icon-sm"
        className="-m-1"
        aria-label="Let go of the episode"
        onClick={onClose}
      >
        <X />
      </Button>
    </div>
  );
}

/** Before the first query. */
export function NoQuery() {
  return (
    <div className="mt-6">
      <EmptyState title="Type a query and press Enter">
        Each column searches the same corpus with another retriever. The first search builds an
        index that is missing; its progress is shown. From a turn of any episode, “Open in the
        playground” brings its query here.
      </EmptyState>
    </div>
  );
}
