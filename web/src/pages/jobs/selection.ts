/** What is selected in the list: some jobs, or whatever the filter matches. */
export interface Selection {
  all: boolean;
  ids: ReadonlySet<string>;
}

export const nothing: Selection = { all: false, ids: new Set() };

/** Selects a job, or takes it out; out of everything that means out of what is loaded. */
export function toggle(selection: Selection, id: string, loaded: Iterable<string>): Selection {
  const ids = new Set(selection.all ? loaded : selection.ids);
  if (!ids.delete(id)) ids.add(id);
  return { all: false, ids };
}

export function sizeOf(selection: Selection, total: number): number {
  return selection.all ? total : selection.ids.size;
}
