import { type Key, useI18n } from '../i18n';
import { modKey } from '../lib/useKeys';
import { Dialog } from './Dialog';

const groups: readonly { title: Key; keys: readonly [string, Key][] }[] = [
  {
    title: 'keys.everywhere',
    keys: [
      [`${modKey}K`, 'keys.palette'],
      ['n', 'keys.new'],
      ['?', 'keys.help'],
      ['Esc', 'keys.close'],
    ],
  },
  {
    title: 'keys.lists',
    keys: [
      ['/', 'keys.search'],
      ['j  k', 'keys.move'],
      ['↵', 'keys.open'],
      ['x', 'keys.select'],
      ['e', 'keys.edit'],
      ['r', 'keys.run'],
      ['p', 'keys.pause'],
    ],
  },
  {
    title: 'keys.editor',
    keys: [
      [`${modKey}↵`, 'keys.save'],
      ['Esc', 'keys.leave'],
    ],
  },
];

/** The list of keys. */
export function KeysHelp({ onClose }: { onClose: () => void }) {
  const { t } = useI18n();
  return (
    <Dialog title={t('keys.title')} onClose={onClose} className="wide">
      <div className="keys">
        {groups.map((group) => (
          <section key={group.title}>
            <h3>{t(group.title)}</h3>
            <dl>
              {group.keys.map(([stroke, word]) => (
                <div key={word}>
                  <dt>
                    {stroke.split('  ').map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{t(word)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
