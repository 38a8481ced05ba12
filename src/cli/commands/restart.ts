import { stopping } from '../stopping.ts';

export const command = stopping('restart', 'Stop containers and start them again');
