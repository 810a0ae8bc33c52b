import { defineConfig } from 'vitepress';

const pages = {
  Begin: ['install', 'jobs', 'schedules', 'receivers', 'api', 'migrating', 'faq'],
  Operate: ['running', 'upgrading', 'backup', 'security', 'redis', 'limits-and-long-jobs', 'limits'],
  Know: ['architecture', 'delivery', 'reliability', 'performance', 'history', 'compatibility'],
};
const chinese = [['start', '开始'], ['jobs', '任务与策略'], ['schedules', '调度'], ['migrating', '迁移'], ['deploy', '部署']];

// "limits-and-long-jobs" → "Limits and long jobs"
const title = (page: string) => (page === 'api' || page === 'faq' ? page.toUpperCase() : page[0].toUpperCase() + page.slice(1).replaceAll('-', ' '));

export default defineConfig({
  title: 'schedule-server',
  description: 'HTTP cron service that keeps an account of every occurrence',
  cleanUrls: true,
  lastUpdated: false,
  srcExclude: ['**/node_modules/**'],
  // Files of the repository that are no pages of the site. The Go tests check that they are there.
  ignoreDeadLinks: [/^(\.\/)?(\.\.\/)+(\.\.\/)*(pkg|cmd|deployments|bench|web|internal)\b/, /CHANGELOG$/, /README/, /receivers\/receiver/, /receivers\/index$/, /adr\/index$/],
  // {{ run_id }} is a template of ours, not of Vue.
  markdown: { config: (md) => plainBraces(md) },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
  },
  locales: {
    root: {
      label: 'English',
      lang: 'en',
      themeConfig: {
        sidebar: Object.entries(pages).map(([text, list]) => ({ text, items: list.map((page) => ({ text: title(page), link: `/${page}` })) })),
      },
    },
    zh: {
      label: '简体中文',
      lang: 'zh-CN',
      themeConfig: {
        outline: { label: '本页内容' },
        docFooter: { prev: '上一页', next: '下一页' },
        sidebar: [{ text: '文档', items: chinese.map(([page, text]) => ({ text, link: `/zh/${page}` })) }],
      },
    },
  },
});

function plainBraces(md: { renderer: { rules: Record<string, ((...args: any[]) => string) | undefined> } }) {
  const inline = md.renderer.rules.code_inline!;
  md.renderer.rules.code_inline = (...args) => inline(...args).replace('<code', '<code v-pre');
}
