/** Keys of PostgreSQL advisory locks; one namespace, so that no two uses collide. */
export const LOCKS = {
  migrations: 7_300_001,
  /** Held from the assignment of event ids until commit. */
  events: 7_300_002,
  maintenance: 7_300_003,
  /** Held while reported metrics are moved into chunks. */
  compaction: 7_300_004,
} as const;
