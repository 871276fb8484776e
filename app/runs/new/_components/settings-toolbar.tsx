"use client";
import { useRef } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useShortcuts } from "@/app/_lib/hooks/use-shortcuts";
import { Button } from "@/app/_ui/button";
import { Select } from "@/app/_ui/field";
import { SearchInput } from "@/app/_ui/search-input";
import type { SettingGroup } from "@/contracts/run-config/setting-group";

interface SettingsToolbarProps {
  groups: readonly SettingGroup[];
  text: string;
  onText: (text: string) => void;
  changedOnly: boolean;
  onChangedOnly: (changedOnly: boolean) => void;
  /** How many settings differ from their defaults. */
  changed: number;
}

/** Finds settings: by words, those that were changed, or by group. It stays in sight while one scrolls. */
export function SettingsToolbar({
  groups,
  text,
  onText,
  changedOnly,
  onChangedOnly,
  changed,
}: SettingsToolbarProps) {
  const t = useText();
  const box = useRef<HTMLDivElement>(null);
  useShortcuts({
    "/": {
      label: t("Search the settings"),
      run: () => box.current?.querySelector("input")?.focus(),
    },
  });
  return (
    <div
      ref={box}
      className="sticky top-12 z-10 -mx-1 flex flex-wrap items-center gap-2 bg-background px-1 py-2 md:top-0"
    >
      <SearchInput
        label={t("Search settings")}
        placeholder={t("Search settings")}
        aria-keyshortcuts="/"
        className="min-w-36 flex-1"
        value={text}
        onText={onText}
      />
      <Button
        aria-pressed={changedOnly}
        className="aria-pressed:border-primary aria-pressed:text-primary"
        onClick={() => onChangedOnly(!changedOnly)}
      >
        {t("Changed only ({changed})", { changed })}
      </Button>
      <Select
        aria-label={t("Go to a group of settings")}
        className="w-auto max-w-40"
        value=""
        onChange={(e) => document.getElementById(`group-${e.target.value}`)?.scrollIntoView()}
      >
        <option value="">{t("Contents")}</option>
        {groups.map(({ id, title }) => (
          <option key={id} value={id}>
            {t(title)}
          </option>
        ))}
      </Select>
    </div>
  );
}
