"""Words of other config families (MMEngine, OpenMMLab's older tools), and what is written here in their place."""

from __future__ import annotations

TOP_LEVEL = {
    'log_processor': 'StatusHook prints and logs the means; write default_hooks=dict(status=dict(interval=50))',
    'data_preprocessor': 'methods scale their inputs themselves; remove it',
    'optimizer': 'write optim_wrapper=dict(G=dict(nets=..., optimizer=dict(...)), ...), one entry per phase',
    'optimizer_config': 'write clip_grad in the entries of optim_wrapper',
    'lr_config': 'write param_scheduler=dict(type=...)',
    'evaluation': 'write val_evaluator=[...] and train_cfg=dict(val_interval=...)',
    'checkpoint_config': 'write default_hooks=dict(checkpoint=dict(interval=...))',
    'log_config': 'write default_hooks=dict(status=dict(interval=...)) and visualizer',
    'dist_params': 'write env_cfg=dict(dist_cfg=dict(backend=...))',
    'cudnn_benchmark': 'write env_cfg=dict(cudnn_benchmark=True)',
    'resume_from': 'write load_from=PATH, resume=True (on the command line: --resume PATH)',
    'seed': 'write randomness=dict(seed=...)',
    'deterministic': 'write randomness=dict(deterministic=True)',
    'data': 'write train_dataloader, val_dataloader and test_dataloader',
    **dict.fromkeys(('train_pipeline', 'test_pipeline', 'val_pipeline', 'dataset_type'),
                    'a variable of your own starts with an underscore'),
    **dict.fromkeys(('runner', 'total_epochs', 'total_iters', 'max_epochs', 'max_iters'),
                    'write train_cfg=dict(max_epochs=...) or dict(max_iters=...)'),
    'workflow': 'there is one order of training and validation; remove it'}
HOOKS = {
    'logger': 'it is called status here (StatusHook): dict(status=dict(interval=50))',
    'timer': 'StatusHook measures the time; remove it',
    'sampler_seed': 'samplers know the epoch by themselves; remove it',
    'visualization': 'it is called samples here (SampleHook): dict(samples=dict(interval=500))',
    'runtime_info': 'StatusHook logs rates and losses; remove it',
    'ema': "write custom_hooks=[dict(type='EMAHook', nets=...)]"}
ARGUMENTS = {'CheckpointHook': {'max_keep_ckpts': 'it is called keep here (0 keeps all)',
                                'by_epoch': 'the unit is that of train_cfg; remove it',
                                'save_last': 'the last iteration is always saved; remove it',
                                'save_optimizer': 'a checkpoint holds all that a resume needs; remove it',
                                'save_param_scheduler': 'a checkpoint holds all that a resume needs; remove it'},
             'EMAHook': {'momentum': 'give decay (1 - momentum) and nets', 'ema_type': 'there is one kind; remove it'}}


def other_word(name: str) -> str:
    """What to write in place of a top-level key of another family; empty if it is none of theirs."""
    return _sentence(TOP_LEVEL.get(name))


def other_hook(name: str) -> str:
    """The same for a slot of ``default_hooks``."""
    return _sentence(HOOKS.get(name))


def other_argument(part: str, name: str) -> str:
    """The same for an argument of a part."""
    return _sentence(ARGUMENTS.get(part, {}).get(name))


def _sentence(text: str | None) -> str:
    return f'{text[0].upper()}{text[1:]}.' if text else ''
