import subprocess
import sys

from heddle.numerics.torchvision_door import import_torchvision


def test_transforms_work_whatever_torch_lies_beside() -> None:
    import torch

    assert import_torchvision() is import_torchvision()
    from torchvision.transforms.functional import resize

    assert resize(torch.ones(3, 8, 6), [4, 3]).shape == (3, 4, 3)


def test_importing_the_door_imports_nothing_heavy() -> None:
    code = "import sys, heddle.numerics.torchvision_door; assert not {'torch', 'torchvision'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
