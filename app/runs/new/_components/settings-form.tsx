"use client";
import { useWatch } from "react-hook-form";
import { useText } from "@/app/_i18n/text-provider";
import { useGradually } from "@/app/_lib/hooks/use-gradually";
import type { Draft } from "@/app/_settings/draft";
import { filterSettings, isFiltering, type SettingFilter } from "@/app/_settings/setting-filter";
import { SettingGroupCard } from "@/app/_settings/setting-group-card";
import { useIsWrong } from "@/app/_settings/use-is-wrong";
import { EmptyState } from "@/app/_ui/states";
import type { SettingGroup } from "@/contracts/run-config/setting-group";
import { listActiveSettings } from "@/core/run/setting-groups";

/** Groups that are drawn before all others: about a window of them. */
const FIRST_GROUPS = 2;

type SettingsFormProps = { groups: readonly SettingGroup[]; filter: SettingFilter };

/** The settings in their groups, those that the filter shows. */
export function SettingsForm({ groups, filter }: SettingsFormProps) {
  const t = useText();
  const values = useWatch<Draft>();
  const isWrong = useIsWrong();
  const drawn = useGradually(groups, FIRST_GROUPS);
  const found =
    !isFiltering(filter) ||
    groups.some(
      (group) =>
        filterSettings(t, listActiveSettings(group, values, isWrong), filter, values).length > 0,
    );
  return (
    <form className="space-y-3" onSubmit={(e) => e.preventDefault()} noValidate>
      {drawn.map((group) => (
        <SettingGroupCard key={group.id} group={group} filter={filter} />
      ))}
      {found ? null : (
        <EmptyState title={t("No setting is found")}>
          {filter.changedOnly
            ? t("None of those that match differs from its default.")
            : t("No title, meaning or path of a setting holds these words.")}
        </EmptyState>
      )}
    </form>
  );
}
