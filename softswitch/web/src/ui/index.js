// Everything that pages are made of, from one place.
export { Badge, Button, Card, Empty, Field, Skeleton, Stat, Tabs } from './basic.js';
export { Chart } from './chart.js';
export { Clock } from './clock.js';
export { Dialog, confirm } from './dialog.js';
export { Icon } from './icon.js';
export { Table } from './table.js';
export { longestOf, reasonText, useReasons } from './reasons.js';
export { attempt, toast } from './toast.js';
export { ACTIVITY_STATE, activityText, presenceText, stateOf } from './states.js';
