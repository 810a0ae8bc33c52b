import './styles/index.css';
import { createRoot } from 'react-dom/client';
import { live } from './api/live';
import { followEvents } from './api/follow';
import { App } from './app';
import { loadLanguage } from './i18n';
import { getSettings, watchSettings } from './lib/settings';

watchSettings();
live.start();
followEvents();

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
await loadLanguage(getSettings().language);
createRoot(root).render(<App />);
