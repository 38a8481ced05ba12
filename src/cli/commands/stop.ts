import { stopping } from '../stopping.ts';

export const command = stopping('stop', 'Stop running containers');
