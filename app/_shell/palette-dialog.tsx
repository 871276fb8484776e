"use client";
import { useHasRollouts } from "@/app/_lib/use-has-rollouts";
import { keepPreviousData, skipToken, useQuery } from "@tanstack/react-query";
import { useTheme } from "next-themes";
import { usePathname, useRouter } from "next/navigation";
import { useMemo, useRef, useState, type KeyboardEvent } from "react";
import { useLanguageChoice, useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatWords } from "@/app/_lib/format/format";
import { SEARCH_DELAY_MS, useDelayed } from "@/app/_lib/hooks/use-delayed";
import { replaceParams } from "@/app/_lib/hooks/use-params";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Dialog } from "@/app/_ui/dialog";
import { Input } from "@/app/_ui/field";
import {
  filterItems,
  GROUP_TITLES,
  listActionItems,
  listFoundItems,
  listPageItems,
  listRunItems,
  readRecent,
  rememberItem,
  type PaletteAction,
  type PaletteItem,
} from "./palette-items";

type PaletteDialogProps = { open: boolean; onOpenChange: (open: boolean) => void };

/** Goes to pages, runs, sweeps, questions and corpora, and does what needs no page, by what is typed. */
export function PaletteDialog({ open, onOpenChange }: PaletteDialogProps) {
  const t = useText();
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={t("Search and go to")}
      className="top-[10dvh] max-w-xl translate-y-0 p-3"
    >
      <PaletteContent onDone={() => onOpenChange(false)} />
    </Dialog>
  );
}

/** What can be done with the run whose own page is shown; nothing on other pages. */
function useRunItems(): PaletteItem[] {
  const t = useText();
  const trpc = useTRPC();
  const id = /^\/runs\/([0-9a-f-]{36})$/.exec(usePathname())?.[1];
  const run = useQuery(trpc.runs.get.queryOptions(id ? { id } : skipToken)).data;
  const hasRollouts = useHasRollouts(run);
  return useMemo(() => (run ? listRunItems(t, run, hasRollouts) : []), [t, run, hasRollouts]);
}

/** Entries for a text: recent ones and pages without one, else what it is a part of. */
function usePaletteItems(text: string): { items: PaletteItem[]; searching: boolean } {
  const t = useText();
  const trpc = useTRPC();
  const searched = useDelayed(text.trim(), SEARCH_DELAY_MS);
  const presets = useQuery(trpc.catalogue.presets.queryOptions());
  const found = useQuery(
    trpc.search.find.queryOptions(searched.length >= 2 ? { text: searched } : skipToken, {
      placeholderData: keepPreviousData,
    }),
  );
  const ofRun = useRunItems();
  const own = useMemo(() => {
    const launches = (presets.data ?? []).map(({ id, title, config }): PaletteItem => ({
      id: `preset ${id}`,
      group: "actions",
      label: t("New run: {title}", { title: t(title) }),
      detail: formatWords(t, config.kind),
      words: `New run: ${title} ${config.kind}`,
      href: `/runs/new?preset=${id}`,
    }));
    return [...listPageItems(t), ...launches, ...listActionItems(t)];
  }, [t, presets.data]);
  const items = useMemo(() => {
    if (text.trim() === "")
      return [...readRecent(own), ...ofRun, ...listPageItems(t), ...listActionItems(t)];
    const ofServer = searched.length >= 2 && found.data ? listFoundItems(t, found.data) : [];
    const matching = filterItems(own, text);
    const pages = matching.filter(({ group }) => group === "pages");
    const actions = matching.filter(({ group }) => group === "actions");
    return [...pages, ...filterItems(ofRun, text), ...ofServer, ...actions];
  }, [t, own, ofRun, text, searched, found.data]);
  return { items, searching: found.isFetching || searched !== text.trim() };
}

function PaletteContent({ onDone }: { onDone: () => void }) {
  const t = useText();
  const router = useRouter();
  const { setTheme } = useTheme();
  const chooseLanguage = useLanguageChoice();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const { items, searching } = usePaletteItems(text);
  const chosen = Math.min(at, items.length - 1);

  const runAction = (action: PaletteAction): void => {
    if ("theme" in action) setTheme(action.theme);
    else if ("language" in action) chooseLanguage(action.language);
    else replaceParams({ open: action.dialog });
  };
  const choose = (item: PaletteItem | undefined): void => {
    if (!item) return;
    rememberItem(item);
    onDone();
    if (item.action) runAction(item.action);
    else if (item.href) router.push(item.href);
  };
  const move = (to: number): void => {
    const next = (to + items.length) % Math.max(1, items.length);
    setAt(next);
    list.current?.querySelector(`[data-index="${next}"]`)?.scrollIntoView({ block: "nearest" });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, Home: 0, End: items.length - 1 }[
      event.key
    ];
    if (event.key === "Enter") choose(items[chosen]);
    else if (to !== undefined && !(text !== "" && ["Home", "End"].includes(event.key))) move(to);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <Input
        role="combobox"
        aria-label={t("Search pages, runs, questions and actions")}
        aria-expanded
        aria-controls="palette-list"
        aria-activedescendant={items[chosen] ? `palette-${chosen}` : undefined}
        aria-autocomplete="list"
        autoComplete="off"
        placeholder={t("A page, a run's name or id, words of a question")}
        value={text}
        onChange={(e) => {
          setText(e.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul
        ref={list}
        id="palette-list"
        role="listbox"
        aria-label={t("Found")}
        className="mt-2 max-h-[60dvh] overflow-y-auto"
      >
        {items.map((item, i) => (
          <Entry
            key={`${item.group} ${item.id}`}
            item={item}
            index={i}
            heading={item.group === items[i - 1]?.group ? null : t(GROUP_TITLES[item.group])}
            chosen={i === chosen}
            onPoint={() => setAt(i)}
            onChoose={() => choose(item)}
          />
        ))}
      </ul>
      <p role="status" className="px-2 pt-1 text-xs text-muted-foreground">
        {items.length > 0 ? null : searching ? t("Searching") : t("Nothing is called that.")}
      </p>
    </>
  );
}

interface EntryProps {
  item: PaletteItem;
  index: number;
  /** Name of the group that it begins. */
  heading: string | null;
  chosen: boolean;
  onPoint: () => void;
  onChoose: () => void;
}

/** The keyboard stays in the field above, which names the chosen entry. */
function Entry({ item, index, heading, chosen, onPoint, onChoose }: EntryProps) {
  return (
    <>
      {heading ? (
        <li role="presentation" className="px-2 pt-2 text-2xs font-medium text-muted-foreground">
          {heading}
        </li>
      ) : null}
      {/* eslint-disable-next-line jsx-a11y/click-events-have-key-events -- the field above hears the keys */}
      <li
        id={`palette-${index}`}
        data-index={index}
        role="option"
        aria-selected={chosen}
        className={cn("flex cursor-pointer gap-3 rounded px-2 py-1.5", chosen && "bg-muted")}
        onPointerMove={onPoint}
        onClick={onChoose}
      >
        <span className="min-w-0 flex-1 truncate">{item.label}</span>
        {item.detail ? (
          <span className="shrink-0 text-xs text-muted-foreground">{item.detail}</span>
        ) : null}
      </li>
    </>
  );
}
